#include "cli/profile_command.hpp"

#include "cli/output.hpp"
#include "linux/profile_text.hpp"

namespace quarry::cli {

const char* const kProfileExamples = R"(Examples:
  quarry profile /boot/vmlinuz-6.1.0-56-amd64 --config /boot/config-6.1.0-56-amd64 -o mine.toml
  quarry boot MACHINE --kernel mine.toml                 and what was corrected in it counts
  quarry profile vmlinux --config .config                symbols, and sizes by its BTF or DWARF
  quarry profile System.map --config .config --btf vmlinux.debug
  quarry profile Image --config /proc/config.gz          the running kernel's, if it has IKCONFIG
  quarry profile --config .config --arch arm64           of a kernel that is not built yet: the rest is assumed

The values that are assumed come first in the file, and are marked where they stand.
Exit status: 0 done, 2 unusable arguments, 3 malformed input.)";

int run_profile(const ProfileOptions& options) {
  const auto kernel = lnx::read_kernel_files(options.files);
  if (!kernel) return complain(kernel.problem());
  if (const auto problem = write_output(options.output_file, lnx::profile_text(*kernel)))
    return complain(*problem);
  return 0;
}

}  // namespace quarry::cli
