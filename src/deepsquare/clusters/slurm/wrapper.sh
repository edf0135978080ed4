#!/bin/bash
# The batch script of every job: runs the customer's script, bounds what it prints, writes down how it went.
#
#   wrapper.sh <job folder> <output limit in bytes> <job name>
#
# It runs as the job's account on the first node and needs bash and coreutils only. Its records are claims: whoever
# reads them checks them against what Slurm says. It outlives TERM so that it can still write the end record.
folder=$1 limit_bytes=$2
export SLURM_JOB_NAME=$3
[[ -z ${SLURM_CPUS_PER_TASK-} ]] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK # newer srun reads only this one
restarts=${SLURM_RESTART_COUNT:-0}
terminated=false script= early=
trap 'terminated=true; forward TERM' TERM
trap 'forward INT' INT
trap 'forward HUP' HUP
trap 'forward USR1' USR1
trap 'forward USR2' USR2

# Slurm signals the batch shell alone: hand it on to the script and all that it started in its session's group; what
# comes early waits until there is a script.
# shellcheck disable=SC2317 # called by the traps
forward() {
    interrupted=yes
    if [[ -n $script ]]; then kill -s "$1" -- "-$script" 2>/dev/null; else early+=" $1"; fi
}

# A line of the record. Half of one is no JSON object, so a reader sees all of it or none.
line() { printf '\n%s\n' "$1"; }

# Pass on the first bytes as they come, then a line that says so, and at the end the last bytes. Ignores TERM.
bounded() {
    trap '' TERM INT HUP USR1 USR2
    dd bs=64K count="$limit_bytes" iflag=count_bytes status=none
    IFS= LC_ALL=C read -r -d '' -n 1 || return # the end: nothing was cut
    printf '\n[deepsquare] output cut here after %s bytes; the last ones follow at the end\n' "$limit_bytes"
    tail -c 16384
}

# The second pipe of a coprocess carries nothing: it is open for as long as the filter runs.
exec 3>&1
coproc filter { bounded >&3; }
pipe=${filter[1]}
exec 3>&"$pipe" {pipe}>&- 4<&"${filter[0]}"
started_at=${EPOCHREALTIME:-$(date +%s.%N)} started_at=${started_at/,/.} # some languages write a comma
run="\"id\": \"$SLURM_JOB_ID\", \"restarts\": $restarts, \"started_at\": $started_at"
line "{$run}" >"$folder/record" # nothing is left of a run before a requeue
exec 5>&2 2>/dev/null # bash's own remark on a script that a signal ended is none of the job's output
set -m                # the script leads its own process group
LANG=${LANG-C.UTF-8} "$folder/script" </dev/null >&3 2>&3 3>&- 4<&- 5>&- &
script=$!
set +m
exec 3>&-
for signal in $early; do forward "$signal"; done

# A signal interrupts `wait`: wait again, until it has told the script's own status. It tells it once, then 127; and -1
# where the signal came in the moment of the end: then the signal's own status must do.
code=
while :; do
    interrupted=
    wait "$script"
    status=$?
    [[ ($status == 127 || $status == -1) && -n $code ]] || code=$status
    [[ -n $interrupted ]] || break
done
exec 2>&5 5>&-
ended_at=${EPOCHREALTIME:-$(date +%s.%N)} ended_at=${ended_at/,/.}

# What the script printed must reach the file; processes that it left behind may hold the pipe open: not for long.
read -r -t 1 -u 4
line "{$run, \"ended_at\": $ended_at, \"exit_code\": $code, \"terminated\": $terminated}" >>"$folder/record" &&
    sync "$folder/record"
exit "$code"
