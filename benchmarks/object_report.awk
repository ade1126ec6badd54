# benchmarks/object_report.awk: what measure_objects and callgrind say, and object_rows.txt, as ./bench's table of objects.
#
#   input   KEY SUBJECT UNIT VALUE    of measure_objects
#           instr KEY SUBJECT N       instructions an operation
#           rows, with `|`, of the file that is named first
function sum(keys, subject, of,    i, n, part, all) {
  n = split(keys, part, " ")
  for (i = 1; i <= n; i++) {
    if (of[part[i], subject] == "") return ""
    all += of[part[i], subject]
  }
  return all
}
function number(value, how) { return value == "" ? "-" : sprintf(how, value) }
BEGIN { FS = "|"; peers = split("kmalloc glibc mimalloc jemalloc tcmalloc", peer, " ") }
FNR == NR {
  if ($0 !~ /^#/ && NF >= 6) row[++rows] = $0
  next
}
{
  split($0, word, " ")
  if (word[1] == "instr") instr[word[2], word[3]] = word[4]
  else if (word[1] ~ /^memory-/) memory[word[1], word[2], word[3]] = word[4]
  else time[word[1], word[2]] = word[4]
}
END {
  printf "%-3s %-34s %8s %6s", "id", "workload", "ns", "instr"
  for (i = 1; i <= peers; i++) printf " %9s", peer[i]
  printf "  %-14s %s\n", "budget", "met"
  for (i = 1; i <= rows; i++) {
    split(row[i], part, "|")
    if (index(" " ids " ", " " part[1] " ") == 0) continue
    mine = sum(part[2], "quarry", time)
    if (mine == "") continue
    count = sum(part[2], "quarry", instr)
    printf "%-3s %-34s %8.2f %6s", part[1], part[3], mine, number(count, "%d")
    for (j = 1; j <= peers; j++) printf " %9s", number(sum(part[2], peer[j], time), "%.2f")
    budget = part[4] part[5] part[6] == "" ? "" : part[6] != "" ? part[6] "'s" : part[4] " ns" (part[5] == "" ? "" : ", " part[5])
    met = budget == "" ? "-" : "yes"
    if (part[4] != "" && mine > part[4]) met = "no"
    if (part[5] != "" && count != "" && count > part[5]) met = "no"
    if (part[6] != "" && sum(part[2], part[6], time) != "" && mine > sum(part[2], part[6], time)) met = "no"
    printf "  %-14s %s\n", budget, met
    missed += met == "no"
  }
  header = 0
  for (size = 16; size <= 1024; size *= 2) {
    bytes = size == 32 ? 64 : size == 128 ? 96 : size == 512 ? 0 : size == 64 ? 0 : size
    if (bytes == 0 || memory["memory-" bytes, "quarry", "fresh"] == "") continue
    if (!header++) {
      printf "\nbytes beside each object's own, of a million, and of the tenth of them that is left at random\n%-11s %15s", "size", "quarry"
      for (j = 2; j <= peers; j++) printf " %15s", peer[j]
      printf "\n"
    }
    printf "%-11s %7.1f %7.1f", bytes " B", memory["memory-" bytes, "quarry", "fresh"], memory["memory-" bytes, "quarry", "tenth"]
    for (j = 2; j <= peers; j++) printf " %7s %7s", number(memory["memory-" bytes, peer[j], "fresh"], "%.1f"), number(memory["memory-" bytes, peer[j], "tenth"], "%.1f")
    printf "\n"
  }
  exit missed != 0
}
