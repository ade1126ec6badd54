# benchmarks/report.awk: lines of `measure` and of callgrind become ./bench's table, and JSON when `json` names a file.
#
#   input   WORKLOAD PHASE SUBJECT NS             of measure
#           instr WORKLOAD SUBJECT PHASE N        instructions an operation
#   rows    ID WORKLOAD PHASE TITLE|limits        of the variable `rows`, a row a line: see ./bench
/^#/ { next }
$1 == "instr" { instr[$2, $4, $3] = $5; next }
NF == 4 { ns[$1, $2, $3] = $4 }

function shown(value, format) { return value == "" ? "-" : sprintf(format, value) }
function json_of(value) { return value == "" ? "null" : value + 0 }

END {
  peer = "linux-6.1"
  count = split(rows, row, "\n")
  printf "%-3s %-36s %10s %7s  %-10s %10s %7s %8s  %-22s %s\n", "id", "workload", "ns/op", "instr", "peer", "ns/op",
    "instr", "ratio", "budget", "met"
  for (i = 1; i <= count; i++) {
    if (split(row[i], part, "|") < 7) continue
    key = part[2] SUBSEP part[3]
    mine = ns[key, "quarry"]; its = ns[key, peer]
    mine_instr = instr[key, "quarry"]; its_instr = instr[key, peer]
    if (mine == "") continue
    ratio = its == "" ? "" : mine / its
    budget = ""; met = "yes"
    if (part[5] != "") {
      budget = part[5] "x"
      met = ratio == "" ? "unknown" : (ratio <= part[5] ? met : "no")
    }
    if (part[6] != "") {
      budget = budget (budget == "" ? "" : ", ") part[6] " instr"
      met = mine_instr == "" ? (met == "no" ? met : "unknown") : (mine_instr <= part[6] ? met : "no")
    }
    if (part[7] != "") {
      budget = budget (budget == "" ? "" : ", ") part[7] " ns"
      met = mine <= part[7] ? met : "no"
    }
    printf "%-3s %-36s %10.1f %7s  %-10s %10s %7s %8s  %-22s %s\n", part[1], part[4], mine, shown(mine_instr, "%d"),
      its == "" ? "-" : peer, shown(its, "%.1f"), shown(its_instr, "%d"), shown(ratio, "%.3f"), budget, met
    if (json != "")
      lines = lines (lines == "" ? "" : ",\n") \
        sprintf("  { \"id\": \"%s\", \"workload\": \"%s\", \"ns\": %s, \"instr\": %s, \"peer\": %s, \"peer_ns\": %s, \"peer_instr\": %s, \"ratio\": %s, \"budget\": \"%s\", \"met\": %s }",
          part[1], part[4], json_of(mine), json_of(mine_instr), its == "" ? "null" : "\"" peer "\"", json_of(its),
          json_of(its_instr), json_of(ratio), budget, met == "yes" ? "true" : met == "no" ? "false" : "null")
  }
  if (json != "") printf "[\n%s\n]\n", lines > json
}
