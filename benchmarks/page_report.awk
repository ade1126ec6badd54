# benchmarks/page_report.awk: what measure_pages and callgrind say, and page_rows.txt, as ./bench's table of pages.
#
#   input   KEY UNIT VALUE            of measure_pages
#           instr KEY N               instructions an operation
#           rows, with `|`, of the file that is named first
BEGIN { FS = "|" }
FNR == NR {
  if ($0 !~ /^#/ && NF >= 7) row[++rows] = $0
  next
}
{
  split($0, word, " ")
  if (word[1] == "instr") instr[word[2]] = word[3]
  else value[word[1], word[2]] = word[3]
}
END {
  printf "%-3s %-38s %9s %-5s %6s  %-16s %-8s %s\n", "id", "workload", "value", "unit", "instr", "budget", "met", "recorded"
  for (i = 1; i <= rows; i++) {
    split(row[i], part, "|")
    if (index(" " ids " ", " " part[1] " ") == 0) continue
    mine = value[part[2], part[4]]
    if (mine == "") continue
    count = instr[part[2]]
    limit = part[5]
    least = sub(/^>/, "", limit)
    met = limit == "" && part[6] == "" ? "-" : "yes"
    if (limit != "" && (least ? mine < limit : mine > limit)) met = "no"
    if (part[6] != "" && count != "" && count > part[6]) met = "no"
    budget = limit == "" ? "" : (least ? "at least " : "") limit
    if (part[6] != "") budget = budget ", " part[6] " instr"
    printf "%-3s %-38s %9.2f %-5s %6s  %-16s %-8s %s\n", part[1], part[3], mine, part[4], count == "" ? "-" : sprintf("%d", count), budget, met, part[7]
    missed += met == "no"
  }
  if (value["mixed-90", "failures"] != "" && index(" " ids " ", " P4 ") != 0)
    printf "P4  refused of 1,000 operations: %.2f at 50 %%, %.2f at 90 %%; the budget is none\n", value["mixed-50", "failures"], value["mixed-90", "failures"]
  if (value["mixed-90", "failures"] > 0) missed++
  if (value["one-thread-pair", "ns"] != "" && index(" " ids " ", " P6 ") != 0)
    printf "P6  a pair of two threads takes %.2f of one thread's; the budget is 1.05\n", value["two-threads-pair", "ns"] / value["one-thread-pair", "ns"]
  exit missed != 0
}
