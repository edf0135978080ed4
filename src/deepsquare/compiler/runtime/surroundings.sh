# More about a command: its own variables, and its folder.
environment() { ds_step_env=("$@"); }
directory() { ds_directory=$1; }
