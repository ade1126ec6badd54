// The built-in machines: recorded inputs of real boots, without anything that a kernel said in reply.
#include <fmt/format.h>

#include <algorithm>

#include "linux/corpus_case.hpp"
#include "linux/describe.hpp"
#include "linux/describe_parts.hpp"
#include "linux/embedded.hpp"

namespace quarry::lnx {
namespace {

constexpr Builtin kBuiltins[] = {
    {"pc-2g", "x86_64, 2 GiB, one node: QEMU's pc with SeaBIOS"},
    {"numa-8n", "x86_64, 4 GiB on eight nodes in a ring, 15 to 30 apart"},
    {"arm64-virt-8g", "arm64, 8 GiB in one bank: QEMU's virt"},
    {"arm-highmem-2g", "32-bit arm, 2 GiB of which most is high: Versatile Express A15"},
    {"arm64-reserved", "arm64, 1 GiB with seventy reserved-memory nodes"},
};

std::optional<std::vector<std::byte>> embedded(std::string_view machine, std::string_view file) {
  const std::string wanted = fmt::format("{}/{}", machine, file);
  for (const EmbeddedFile& candidate : embedded_files()) {
    if (candidate.name != wanted) continue;
    const auto* const first = reinterpret_cast<const std::byte*>(candidate.data);
    return std::vector<std::byte>{first, first + candidate.size};
  }
  return std::nullopt;
}

}  // namespace

std::span<const Builtin> builtins() { return kBuiltins; }

std::optional<Expected<MachineDescription>> describe_builtin(std::string_view name) {
  const auto known = std::find_if(std::begin(kBuiltins), std::end(kBuiltins),
                                  [&](const Builtin& builtin) { return builtin.name == name; });
  if (known == std::end(kBuiltins)) return std::nullopt;
  auto machine =
      read_corpus_case([&](std::string_view file) { return embedded(name, file); }, std::string{name});
  if (machine) machine->source = fmt::format("built-in {}", name);
  return machine;
}

}  // namespace quarry::lnx
