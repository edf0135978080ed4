# each <function> <item> ...: calls it once for each, `$item` being the item.
each() {
  local ds_item ds_body=$1
  shift
  for ds_item; do with "item=$ds_item" "$ds_body" || return; done
}

# count <function> <begin> <end> <increment>: calls it once for each number, `$index` being the number.
count() {
  local ds_index
  for ((ds_index = $2; $4 > 0 ? ds_index <= $3 : ds_index >= $3; ds_index += $4)); do
    with "index=$ds_index" "$1" || return
  done
}
