#!/bin/bash
# cli_test.sh TOOL CORPUS: the quarry command as scripts and people see it, held against its contract.
# A line for each check that fails; the last line is `N passed, N failed`.
tool=$(readlink -f "$1")
corpus=$(readlink -f "$2")
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 125
export LC_ALL=C.UTF-8
unset NO_COLOR COLUMNS
passed=0 failed=0

# verdict NAME PROBLEM: no problem is a pass.
verdict() {
  if [ -z "$2" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL $1: $2"
  fi
}

# quarry ARGUMENTS...: leaves $status, and the files out and err.
quarry() {
  "$tool" "$@" >out 2>err </dev/null
  status=$?
}

# succeeds NAME ARGUMENTS...: exit status 0 and nothing on standard error.
succeeds() {
  local name=$1 problem=
  shift
  quarry "$@"
  [ $status = 0 ] || problem="exit status $status: $(head -c 200 err)"
  [ -s err ] && problem="on standard error: $(head -c 200 err)"
  verdict "$name" "$problem"
}

# refuses STATUS WORDS ARGUMENTS...: that exit status, nothing on standard output, one line that has the words.
refuses() {
  local want=$1 words=$2 problem=
  shift 2
  quarry "$@"
  [ $status = "$want" ] || problem="exit status $status, not $want"
  [ -s out ] && problem="something went to standard output"
  [ "$(wc -l <err)" = 1 ] || problem="$(wc -l <err) lines on standard error, not one"
  grep -q '^quarry: ' err || problem="the line does not begin with 'quarry: '"
  grep -qF -- "$words" err || problem="the line does not say '$words': $(head -c 200 err)"
  verdict "quarry $*" "$problem"
}

# shows NAME PATTERN / hides NAME PATTERN: whether the last output has a line like that.
shows() { verdict "$1" "$(grep -qE -- "$2" out || echo "there is no line like '$2'")"; }
hides() { verdict "$1" "$(grep -qE -- "$2" out && echo "there is a line like '$2'")"; }

# log NAME LINES...: a boot log whose map has these lines.
log() {
  local name=$1
  shift
  {
    printf '[    0.000000] %s\n' 'Linux version 6.1.0-1-amd64' 'Command line: nokaslr' 'BIOS-provided physical RAM map:'
    [ $# = 0 ] || printf '[    0.000000] BIOS-e820: [mem %s\n' "$@"
  } >"$name"
}

# --- Help, version, lists
for words in '' --help help 'boot --help' --version; do
  # shellcheck disable=SC2086
  [ "$words" = help ] || succeeds "quarry $words" $words
done
quarry --help
shows 'quarry --help has examples' '^  quarry boot board.dtb'
quarry boot --help
shows 'quarry boot --help has examples' '^  quarry boot board.dtb'
shows 'quarry boot --help names --memory' '--memory BASE\+SIZE'
shows 'quarry boot --help tells exit statuses' '4 the machine cannot boot'
quarry --version
shows '--version' '^quarry [0-9]+\.[0-9]+\.[0-9]+$'
quarry boot --list
for machine in pc-2g numa-8n arm64-virt-8g arm-highmem-2g arm64-reserved; do shows "--list has $machine" "^$machine "; done
succeeds 'boot --flow' boot --flow
shows '--flow names the functions of Linux' '^ +[0-9]+  initmem_init '
succeeds 'boot --flow arm64-virt-8g' boot --flow arm64-virt-8g
shows '--flow of arm64' '^ +[0-9]+  arm64_memblock_init '

# --- Arguments that make no sense
refuses 2 'no command' bogus
refuses 2 "quarry boot board.dtb" board.dtb
refuses 2 'not in this version' solve
refuses 2 'linux or compact' boot --policy=best
succeeds 'boot --policy compact' boot --policy compact
refuses 2 'memblock or bootmem' boot --early=bitmap
refuses 2 '--bogus' boot --bogus
refuses 2 'extra' boot pc-2g extra
refuses 2 'no-such-file' boot no-such-file
refuses 2 'case.json' boot /
refuses 2 'BASE+SIZE' boot --memory 12
refuses 2 'BASE+SIZE' boot --memory 0x1000+
refuses 2 'BASE+SIZE' boot --memory 0x1000+0
refuses 2 '--memory' boot --memory
refuses 2 'BASE+SIZE' boot --initrd 0x1000
refuses 2 '0x80000000' boot --kernel-at here
refuses 2 'x86_64, arm64, arm or riscv64' boot --arch sparc
refuses 2 'a machine of x86_64' boot pc-2g --arch arm64
refuses 2 'is a device tree' boot "$corpus/arm64-virt-8g/machine.dtb" --arch x86_64
refuses 2 '32 bits' boot "$corpus/armhf-virt-1g/machine.dtb" --arch arm64
refuses 2 'no device tree' boot pc-2g --dtb-at 0x1000
refuses 2 'no boot log' boot pc-2g --dtb /dev/null
refuses 2 'text or json' boot --format xml
refuses 2 'text or json' boot --format 1
refuses 2 'auto, always or never' boot --color no
refuses 2 'buddy' boot --stage nowhere
refuses 2 '65536' boot --cpus 0
refuses 2 '65536' boot --cpus many
refuses 2 'contradict' boot -q -v
refuses 2 'contradict' boot --flow --format json
refuses 2 'cannot be read' boot --srat no-such-file
refuses 2 'cannot be read' boot /dev/zero

# --- Descriptions that make no sense
: >empty
refuses 3 'empty' boot empty
refuses 3 'empty' boot -
head -c 4096 "$tool" >binary
refuses 3 'd00dfeed' boot binary
mkdir case
echo '{}' >case/case.json
refuses 3 'case.json' boot case
log no-map
refuses 3 'BIOS-e820' boot no-map
log broken '0x0000000000000000-0x00000000] usable' '0x0000000000100000-0x000000003fff'
refuses 3 'expected' boot broken
refuses 3 'SRAT' boot pc-2g --srat empty
log reserved '0x0000000000000000-0x000000003fffffff] reserved' '0x0000000100000000-0x000000013fffffff] reserved'
refuses 4 'no usable RAM' boot reserved
log small '0x0000000000000000-0x000000000004afff] usable'
refuses 4 'largest hole' boot small
refuses 4 'belongs to no node' boot "$corpus/x86-srat-orphan"
log overlapping '0x0000000000000000-0x000000003fffffff] usable' '0x0000000010000000-0x0000000010000fff] reserved' \
  '0x0000000020000000-0x000000004fffffff] ACPI data'
succeeds 'overlapping entries' boot overlapping
shows 'the highest type wins' '0x0000000020000000-0x000000004fffffff\] ACPI data'
log wrapping '0x0000000000000000-0x000000003fffffff] usable' '0xfffffffffffff000-0xffffffffffffffff] usable'
succeeds 'an entry at the end of the address space' boot wrapping

# --- Files: whole or not at all
succeeds '-o' boot -o report
quarry boot
verdict '-o writes what standard output would get' "$(cmp -s out report || echo 'they differ')"
cp report before
refuses 4 'cannot boot' boot small -o report
verdict 'a failure leaves the file as it was' "$(cmp -s before report || echo 'it changed')"
refuses 2 'cannot be written' boot -o nowhere/report
refuses 2 'cannot be written' boot --observe nowhere/events
refuses 2 'cannot be written' boot -o .
refuses 2 'cannot be written' boot -o /dev/full
verdict '/dev/full is still a device' "$([ -c /dev/full ] || echo 'it is not')"
ln -s report link
succeeds '-o through a link' boot -q -o link
verdict 'the link is still one' "$([ -L link ] || echo 'it is not')"
succeeds '--observe' boot small --observe events -q --memory 0x40000000+1G
verdict 'nothing is left behind' "$(ls -d ./*.part 2>/dev/null)"
refuses 4 'cannot boot' boot small --observe events
verdict 'a failed boot has events' "$([ -s events ] || echo 'there are none')"
"$tool" boot >/dev/full 2>err
verdict 'a full device' "$([ $? = 2 ] && grep -q 'cannot be written' err || echo "exit status and text: $(cat err)")"
for _ in 1 2 3; do
  "$tool" boot -v 2>err | head -1 >/dev/null
  state="${PIPESTATUS[0]} $(cat err)"
  verdict 'a broken pipe is quiet' "$([ "$state" = '0 ' ] || echo "$state")"
done

# --- What is shown
quarry boot
for name in firmware early zones buddy slab 'where the RAM went'; do shows "the section $name" "^── $name"; done
shows 'MemTotal' '^MemTotal: [0-9]+ kB'
shows 'the legend' 'cell = 4 MiB$'
hides 'nobody is unknown' '\]  +[0-9.]+ [KMG]?i?B  -$'
quarry boot -q
hides '-q has no sections' '^──'
shows '-q has the ledger' '^  all RAM '
shows 'what comes back' '^[0-9.]+ MiB of this comes back after boot:$'
shows 'the image is told apart' '^  kernel unwind tables '
verdict 'MemTotal is the sum of its terms' "$(awk '
  /^MemTotal:/ { total = $2 }
  /^  = / { for (i = 1; i < NF; ++i) if ($i == "=" || $i == "+") sum += $(i + 1) }
  END { if (total == 0 || sum != total) print sum " is not " total }' out)"
quarry boot -v
shows '-v has the rules' '^  page descriptors .* memmap_alloc in zone_sizes_init$'
shows '-v says who gives back' '(until|^) +free_initmem$'
quarry boot --cmdline mem=1G -q
shows 'a limit is named where it takes' '^  never taken in, mem=1G '
for stage in firmware early zones buddy slab; do
  quarry boot --stage $stage
  verdict "--stage $stage shows it alone" "$([ "$(grep -c '^── ' out)" = 1 ] && grep -q "^── $stage" out || echo 'no')"
done
quarry boot --stage buddy
shows '--stage buddy has pagetypeinfo' '^Pages per block:'
quarry boot --stage slab
shows '--stage slab has slabinfo' '^slabinfo - version: 2.1$'
quarry boot arm64-reserved
shows 'long lists are cut' 'more \(-v shows all\)$'
count=$(($(sed -n 's/^ reserved.cnt  = //p' out)))
verdict "memblock's dump is whole" "$([ "$(grep -c '^ reserved\[' out)" = "$count" ] || echo "not $count lines")"
quarry boot arm64-reserved -v
hides '-v cuts nothing' 'more \(-v shows all\)'
quarry boot host
case $status in
  0) shows 'host tells its sources' '^/proc/iomem: ' ;;
  3) refuses 3 'no source gives a map of memory' boot host ;;
  *) verdict 'host' "exit status $status: $(cat err)" ;;
esac

# --- JSON, malformed trees, large machines, terminals
while IFS= read -r line; do
  case $line in
    'ok '*) passed=$((passed + 1)) ;;
    *)
      failed=$((failed + 1))
      echo "$line"
      ;;
  esac
done < <(python3 "$here/cli_checks.py" "$tool" "$corpus" 2>&1 || echo 'FAIL cli_checks.py: it stopped')

echo "$passed passed, $failed failed"
[ $failed = 0 ]
