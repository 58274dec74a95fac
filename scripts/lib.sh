# shellcheck shell=bash
# Shared by the scripts in this folder: messages, and running long commands with visible progress.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=$root/.deps

if [[ -t 1 && -z ${NO_COLOR-} ]]; then bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'; else bold='' red='' plain=''; fi

say() { printf '%sslipstream:%s %s\n' "$bold" "$plain" "$*"; }

# die MESSAGE [LINE...]: what is wrong, then what to do about it.
die() {
    printf '%sslipstream: error:%s %s\n' "$red" "$plain" "$1" >&2
    shift
    (($# == 0)) || printf '    %s\n' "$@" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Removes comments and blank lines from lists such as packages/run.txt.
list() { sed 's/#.*//; s/[[:space:]]*$//; /^$/d' "$@"; }

# version_at_least HAVE WANT
version_at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1) == "$2" ]]; }

# A step that is done leaves a stamp holding a hash of what it was made from.
done_before() { [[ -f $deps/stamps/$1 && $(<"$deps/stamps/$1") == "$2" ]]; }
mark_done() {
    mkdir -p "$deps/stamps"
    printf '%s\n' "$2" >"$deps/stamps/$1.new"
    mv "$deps/stamps/$1.new" "$deps/stamps/$1"
}

running=''
# An interrupted step takes its command with it; the next run starts that step again.
interrupted() {
    [[ -z $running ]] || kill "$running" 2>/dev/null || true
    printf '\n' >&2
    die 'interrupted' 'Nothing is broken: run the same command again to go on.'
}
trap interrupted INT TERM

# step LABEL COMMAND...: runs COMMAND with its output in a log; shows the time that passes, and on failure the log's end
# and, where the caller set it, a hint of what to do.
hint=''
step() {
    local label=$1 log start=$SECONDS code=0
    shift
    mkdir -p "$deps/log"
    log=$deps/log/$(tr -cs '[:alnum:]' '-' <<<"$label" | sed 's/-*$//').log
    [[ -t 1 ]] || say "$label …"
    "$@" >"$log" 2>&1 </dev/null &
    running=$!
    if [[ -t 1 ]]; then
        while kill -0 "$running" 2>/dev/null; do
            printf '\r\e[K%sslipstream:%s %s … %d s  \e[2m%s\e[0m' "$bold" "$plain" "$label" $((SECONDS - start)) \
                "$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | tail -n1 | tr -cd '[:print:]' | cut -c1-$((${COLUMNS:-80} > 60 ? ${COLUMNS:-80} - 50 : 20)))"
            sleep 0.5
        done
        printf '\r\e[K'
    fi
    wait "$running" || code=$?
    running=''
    if ((code != 0)); then
        # Without the bars that curl draws.
        tr '\r' '\n' <"$log" | sed '/^[#=O -]*$/d; s/^/    /' | tail -n 20 >&2
        die "$label failed (exit status $code)" "The whole output is in $log." ${hint:+"$hint"}
    fi
    say "$label: done in $((SECONDS - start)) s"
}
