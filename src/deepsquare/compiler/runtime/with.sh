# with NAME=value ... <function>: calls it with these variables for its commands.
with() {
  local ds_scope_env=("${ds_scope_env[@]}" "${@:1:$#-1}")
  "${!#}"
}
