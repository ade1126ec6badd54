#include "cli/diff_command.hpp"

#include "cli/attribution.hpp"
#include "cli/diff_report.hpp"
#include "cli/diff_text.hpp"
#include "cli/output.hpp"
#include "cli/text_report.hpp"

namespace quarry::cli {
const char* const kDiffExamples = R"(Examples:
  quarry diff a.dmesg b.dmesg                        two boots: what became of the memory, and why
  quarry diff old.dtb new.dtb --memory 0x80000000+1G two trees of one board
  quarry diff pc-2g --append-b crashkernel=256M      one machine, and with a word more on its command line
  quarry diff pc-2g 'mem=1G cma=64M'                 one machine, and with another command line
  quarry diff dmesg.txt vmlinuz-6.12                 the machine of a log, and with another kernel
  quarry diff pc-2g --kernel-a K1 --config-a C1 --kernel-b K2 --config-b C2
  quarry diff pc-2g --cpus-b 64 --format json        for scripts

A and B are machines as for boot. Either may also be a kernel's file (as for --kernel) or a command line: a file of
one line, or words with '=' or a blank; it is then the other side's machine with that kernel or command line (of two
kernels or lines: the built-in machine of the kernel's architecture). B may be left out where an option makes it another.
Each option of 'More of the machine' is of both sides, and with -a or -b at its end of that side alone.

A difference's share is what it changes whatever the order in which the differences are taken over; what several
change only together is named so, and what is left when all are taken over is 'unexplained'. Of logs and cases the real
change stands beside the predicted one.
Exit status: 0 done, 2 unusable arguments, 3 malformed input, 4 one of the machines cannot boot.)";

int run_diff(const DiffOptions& options) {
  auto sides = read_sides(options.a, options.b);
  if (!sides) return complain(sides.problem());
  DiffReport report;
  report.a = told_of(sides->a);
  report.b = told_of(sides->b);
  const lnx::MachineMix mix{std::move(sides->a.machine), std::move(sides->b.machine)};
  auto attribution = attribute(mix);
  if (!attribution) return complain(attribution.problem());
  report.differences = mix.differences();
  report.attribution = *std::move(attribution);
  report.real = real_changes(sides->a.real, sides->b.real, mix, report.attribution);
  const std::string text =
      options.format == Format::json ? diff_json(report) : diff_text(report, text_style(options));
  if (const auto problem = write_output(options.output_file, text)) return complain(*problem);
  return 0;
}

}  // namespace quarry::cli
