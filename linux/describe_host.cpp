// This machine as a description: what a running system shows of its firmware, and what it hides.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "linux/acpi_files.hpp"
#include "linux/describe.hpp"
#include "linux/describe_parts.hpp"
#include "linux/file_bytes.hpp"
#include "linux/log_description.hpp"
#include "linux/log_scanner.hpp"

namespace quarry::lnx {
namespace {

namespace fs = std::filesystem;

struct Host {
  std::string root;
  MachineDescription found;  // collects `sources`

  std::string path(std::string_view name) const { return fmt::format("{}{}", root, name); }
  std::optional<std::vector<std::byte>> read(std::string_view name) {
    auto bytes = read_file(path(name));
    std::error_code error;
    const bool exists = fs::exists(path(name), error);
    found.sources.push_back(fmt::format("{}: {}", name,
                                        bytes && !bytes->empty() ? "read"
                                        : exists                 ? "not readable (needs root?)"
                                                 : "not there (another architecture, or a container)"));
    return bytes && !bytes->empty() ? std::move(bytes) : std::nullopt;
  }
};

std::string one_line(std::span<const std::byte> bytes) {
  std::string text{text_of(bytes)};
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.pop_back();
  return text;
}

// The names that /sys/firmware/memmap and /proc/iomem give to types.
std::optional<firmware::MapType> type_of(std::string_view name) {
  using firmware::MapType;
  if (name == "System RAM") return MapType::usable;
  if (name == "Reserved" || name == "reserved" || name == "Device reserved") return MapType::reserved;
  if (name == "ACPI Tables") return MapType::acpi;
  if (name == "ACPI Non-volatile Storage") return MapType::nvs;
  if (name == "Unusable memory") return MapType::unusable;
  if (name == "Persistent Memory") return MapType::pmem;
  if (name == "Persistent Memory (legacy)") return MapType::pram;
  if (name == "Soft Reserved") return MapType::soft_reserved;
  return std::nullopt;
}

// /sys/firmware/memmap/N/{start,end,type}, by N.
std::vector<firmware::MapEntry> read_memmap(Host& host) {
  std::vector<firmware::MapEntry> map;
  constexpr unsigned most = 1u << 16;
  for (unsigned at = 0; at < most; ++at) {
    const std::string folder = host.path(fmt::format("/sys/firmware/memmap/{}/", at));
    const auto start = read_file(folder + "start"), end = read_file(folder + "end"),
               type = read_file(folder + "type");
    if (!start || !end || !type) break;
    const auto range = Scanner{one_line(*start) + "-" + one_line(*end)}.inclusive_range();
    if (!range) break;
    map.push_back(
        {range->begin(), range->size(), type_of(one_line(*type)).value_or(firmware::MapType::reserved)});
  }
  host.found.sources.push_back(
      fmt::format("/sys/firmware/memmap: {}", map.empty() ? "not there (another architecture, or a container)"
                                                          : fmt::format("read, {} entries", map.size())));
  return map;
}

struct Iomem {
  std::vector<firmware::MapEntry> map;
  std::optional<PhysAddr> kernel_code;
};

// Top-level resources that are memory. Without root every address is shown as 0.
Iomem read_iomem(Host& host) {
  Iomem result;
  const auto bytes = host.read("/proc/iomem");
  if (!bytes) return result;
  std::string_view text = text_of(*bytes);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    Scanner at{line};
    at.spaces();
    const auto range = at.inclusive_range();
    if (!range || range->end().raw <= 1 || !at.skip(" : ")) continue;
    if (at.rest() == "Kernel code" && !result.kernel_code) result.kernel_code = range->begin();
    if (const auto type = type_of(at.rest()); type && line[0] != ' ')
      result.map.push_back({range->begin(), range->size(), *type});
  }
  if (result.map.empty()) host.found.sources.back() = "/proc/iomem: addresses are hidden (needs root)";
  return result;
}

// The kernel's log: /dev/kmsg without waiting, or what was kept of it.
std::vector<std::byte> read_kernel_log(Host& host) {
  std::vector<std::byte> log;
  if (const int device = ::open(host.path("/dev/kmsg").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
      device >= 0) {
    char record[8192];
    constexpr unsigned most = 1u << 20;
    for (unsigned count = 0; count < most; ++count) {
      const ssize_t size = ::read(device, record, sizeof record);
      if (size <= 0) break;
      // "6,339,5140900,-;message": what stands before the semicolon is the kernel's bookkeeping.
      const std::string_view text{record, static_cast<std::size_t>(size)};
      const std::size_t start = std::min(text.find(';') + 1, text.size());
      for (const char c : text.substr(start)) log.push_back(static_cast<std::byte>(c));
    }
    ::close(device);
  }
  host.found.sources.push_back(
      fmt::format("/dev/kmsg: {}", log.empty() ? "not readable (needs root, or a container)" : "read"));
  if (!log.empty() && looks_like_boot_log(log)) return log;
  return host.read("/var/log/dmesg").value_or(std::vector<std::byte>{});
}

// Entries that were read in their order, in place of what the log says.
void note_origins(const std::vector<firmware::MapEntry>& map, std::string_view from, LogInputs& log) {
  std::erase_if(log.origins, [](const Origin& origin) { return origin.kind == Origin::Kind::map; });
  for (std::size_t i = 0; i < map.size(); ++i)
    log.origins.push_back(
        {Origin::Kind::map, PhysRange::sized(map[i].base, map[i].size), fmt::format("{}{}", from, i), {}});
}

boot::Arch this_arch() {
#if defined(__x86_64__)
  return boot::Arch::x86_64;
#elif defined(__aarch64__)
  return boot::Arch::arm64;
#elif defined(__riscv)
  return boot::Arch::riscv64;
#else
  return boot::Arch::arm;
#endif
}

}  // namespace

Expected<MachineDescription> describe_host(const DescribeOptions& options, const std::string& root) {
  Host host{.root = root, .found = {}};
  const std::vector<firmware::MapEntry> memmap = read_memmap(host);
  const Iomem iomem = read_iomem(host);
  auto tree = host.read("/sys/firmware/fdt");
  const std::vector<std::byte> log_bytes = read_kernel_log(host);
  const auto read = read_log_inputs(log_bytes);
  LogInputs log = read ? *read : LogInputs{};
  if (!read) host.found.sources.push_back("kernel log: " + read.problem().text);
  const auto command_line = host.read("/proc/cmdline");
  const auto release = host.read("/proc/sys/kernel/osrelease");
  const auto srat = host.read("/sys/firmware/acpi/tables/SRAT"),
             slit = host.read("/sys/firmware/acpi/tables/SLIT");
  if (release) log.release = one_line(*release);
  if (!log.arch) log.arch = options.arch.value_or(this_arch());

  name_origins(log.origins, "kernel log");
  if (!memmap.empty()) {
    log.e820 = memmap;
    note_origins(memmap, "/sys/firmware/memmap/", log);
  } else if (log.e820.empty() && log.efi_map.empty()) {
    log.e820 = iomem.map;
    note_origins(iomem.map, "/proc/iomem: memory resource ", log);
  }
  const bool has_map = !log.e820.empty() || !log.efi_map.empty();
  if (!has_map && !tree)
    return Problem{
        ExitStatus::malformed_input,
        fmt::format(
            "host: no source gives a map of memory: expected one of /sys/firmware/memmap, /proc/iomem with "
            "addresses (root), /sys/firmware/fdt or a kernel log; {}",
            fmt::join(host.found.sources, "; "))};
  const DescribeOptions plain{.arch = options.arch, .kernel_at = iomem.kernel_code, .kernel = options.kernel};
  auto machine = has_map && log.arch == boot::Arch::x86_64 ? describe_log(log, "host", plain)
                 : tree ? describe_tree(*std::move(tree), "/sys/firmware/fdt", log, plain)
                        : describe_log(log, "host", plain);
  if (!machine) return machine;
  machine->source = "this host";
  machine->sources = std::move(host.found.sources);
  if (command_line) {
    machine->command_line = one_line(*command_line);
    machine->origins.insert(machine->origins.begin(), {Origin::Kind::command_line, {}, "/proc/cmdline", {}});
  }
  if (const long cpus = ::sysconf(_SC_NPROCESSORS_CONF); cpus > 0 && root.empty())
    machine->cpus = static_cast<unsigned>(cpus);
  if (srat)
    if (auto problem = read_srat(*srat, "SRAT", *machine)) machine->notes.push_back(problem->text);
  if (slit)
    if (auto problem = read_slit(*slit, "SLIT", *machine)) machine->notes.push_back(problem->text);
  if (auto problem = apply_options(options, *machine)) return *std::move(problem);
  return machine;
}

}  // namespace quarry::lnx
