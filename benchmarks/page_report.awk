# benchmarks/page_report.awk: what measure_pages and callgrind say, and page_rows.txt, as ./bench's table of pages.
#
#   input   KEY UNIT VALUE            of measure_pages
#           clock GHz N               how fast the core ran, before the values that follow
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
  else if (word[1] == "clock") clock = word[3]
  else {
    value[word[1], word[2]] = word[3]
    clock_of[word[1]] = clock
  }
}
END {
  printf "%-3s %-38s %9s %-5s %6s %6s  %-16s %-8s %s\n", "id", "workload", "value", "unit", "cycles", "instr", "budget", "met", "recorded"
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
    cycles = "-"
    if (part[4] == "ns" && clock_of[part[2]] > 0) {
      cycles = sprintf("%d", mine * clock_of[part[2]] + 0.5)
      clocks += clock_of[part[2]]
      clocked++
    }
    printf "%-3s %-38s %9.2f %-5s %6s %6s  %-16s %-8s %s\n", part[1], part[3], mine, part[4], cycles, count == "" ? "-" : sprintf("%d", count), budget, met, part[7]
    missed += met == "no"
  }
  if (value["mixed-90", "failures"] != "" && index(" " ids " ", " P4 ") != 0)
    printf "P4  refused of 1,000 operations: %.2f at 50 %%, %.2f at 90 %%; the budget is none\n", value["mixed-50", "failures"], value["mixed-90", "failures"]
  if (value["mixed-90", "failures"] > 0) missed++
  if (value["one-thread-pair", "ns"] != "" && index(" " ids " ", " P6 ") != 0)
    printf "P6  a pair of two threads takes %.2f of one thread's; the budget is 1.05\n", value["two-threads-pair", "ns"] / value["one-thread-pair", "ns"]
  if (clocked)
    printf "    This core ran at %.2f GHz. Budgets and recorded figures are of one at 4.1 GHz, where 3 ns are 12 cycles, 10 are 41.\n", clocks / clocked
  exit missed != 0
}
