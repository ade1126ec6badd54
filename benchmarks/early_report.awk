# benchmarks/early_report.awk: lines of `early_allocators` and of callgrind become ./bench early's two tables.
#
#   input   MACHINE ALLOCATOR NAME VALUE        names are those of early_allocators.cpp; instr_* are of callgrind
NF == 4 {
  if (!($1 in seen)) { seen[$1] = 1; machine[++count] = $1 }
  value[$1, $2, $3] = $4
}

function of(i, allocator, name) { return value[machine[i], allocator, name] }
function each(i, allocator, name) { return of(i, allocator, name) / of(i, allocator, "allocations") }
function whole(number) { return number == "" ? "-" : sprintf("%d", number) }

END {
  split("memblock bootmem", allocators, " ")
  printf "%-24s %-9s %6s %9s %9s %9s %9s %7s %10s %10s\n", "cost", "", "allocs", "tables B", "setup ns", "instr", "alloc ns",
    "instr", "free_all ns", "instr"
  for (i = 1; i <= count; i++)
    for (k = 1; k <= 2; k++) {
      a = allocators[k]
      printf "%-24s %-9s %6d %9d %9s %9s %9.0f %7s %10d %10s\n", k == 1 ? machine[i] : "", a, of(i, a, "allocations"),
        of(i, a, "region_bytes") + of(i, a, "bitmap_bytes"), k == 1 ? "-" : whole(of(i, a, "setup_ns")),
        k == 1 ? "-" : whole(of(i, a, "instr_setup")), each(i, a, "alloc_ns"),
        of(i, a, "instr_alloc") == "" ? "-" : whole(each(i, a, "instr_alloc")), of(i, a, "hand_over_ns"),
        whole(of(i, a, "instr_hand_over"))
    }
  printf "\n%-24s %-9s %10s %6s %9s %6s %12s %8s %14s\n", "after the hand-over", "", "free pages", "lost", "told", "runs",
    "largest run", "blocks", "of top order"
  for (i = 1; i <= count; i++)
    for (k = 1; k <= 2; k++) {
      a = allocators[k]
      printf "%-24s %-9s %10d %6d %9d %6d %12d %8d %14d\n", k == 1 ? machine[i] : "", a, of(i, a, "free_pages"),
        of(i, a, "lost_pages"), of(i, a, "told_blocks"), of(i, a, "runs"), of(i, a, "largest_run"), of(i, a, "blocks"),
        of(i, a, "largest_blocks")
    }
}
