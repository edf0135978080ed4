# set_mode <mode of files> <mode of folders>: for the whole input; whoever may read a folder may enter it.
set_mode() {
  attend find "$ds_scratch/input" -depth \( -type f -exec chmod "$1" {} + \) -o \( -type d -exec chmod "$2" {} + \)
}
