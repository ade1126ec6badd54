#include <vector>

#include "cli/snapshot.hpp"
#include "cli/text.hpp"
#include "quarry/view/iomem.hpp"

namespace quarry::cli {
namespace {

// Linux 6.1's names in /proc/iomem for the types of the e820.
std::string resource_name(firmware::MapType type) {
  using firmware::MapType;
  switch (type) {
    case MapType::usable:
    case MapType::reserved_kern: return "System RAM";
    case MapType::acpi: return "ACPI Tables";
    case MapType::nvs: return "ACPI Non-volatile Storage";
    case MapType::unusable: return "Unusable memory";
    case MapType::pram: return "Persistent Memory (legacy)";
    case MapType::pmem: return "Persistent Memory";
    case MapType::soft_reserved: return "Soft Reserved";
    case MapType::reserved: return "Reserved";
  }
  return "Unknown E820 type";
}

class Builder {
 public:
  explicit Builder(std::size_t resources) : storage_(resources), tree_{storage_} {}

  // What does not nest is left out, as Linux leaves it out when it finds a conflict.
  void insert(PhysRange range, TextView name) { (void)tree_.insert(range, name).operator bool(); }
  void insert_image(const boot::KernelImage& image, boot::Arch arch) {
    if (arch == boot::Arch::x86_64) {
      insert(image.text, "Kernel code");
      insert(image.rodata, "Kernel rodata");
      insert(image.data, "Kernel data");
      insert(image.bss, "Kernel bss");
      return;
    }
    if (image.text.empty()) return;
    const PhysAddr code_end = image.init.empty() ? image.text.end() : image.init.begin();
    insert({image.text.begin(), code_end}, "Kernel code");
    if (!image.data.empty()) insert({image.data.begin(), image.whole.end()}, "Kernel data");
  }
  const view::ResourceTree& tree() const { return tree_; }

 private:
  std::vector<view::Resource> storage_;
  view::ResourceTree tree_;
};

}  // namespace

void read_iomem(const memory::EarlySystem& early, BootReport& report) {
  const boot::Machine& machine = early.machine();
  const auto entries = early.map().entries();
  const auto memory = early.memblock().memory().view();
  constexpr std::size_t image_parts = 8;
  Builder builder{entries.size() + memory.size() + image_parts};
  std::vector<std::string> names;
  names.reserve(entries.size());
  if (machine.arch == boot::Arch::x86_64) {
    for (const auto& entry : entries) {
      names.push_back(resource_name(entry.type));
      builder.insert(PhysRange::sized(entry.base, entry.size), view_of(names.back()));
    }
  } else {
    for (const auto& region : memory)
      builder.insert(region.range(), has(region.flags, early::Flags::nomap) ? "reserved" : "System RAM");
  }
  builder.insert_image(machine.kernel, machine.arch);
  for (const auto& [range, name, depth] : builder.tree().sorted())
    report.iomem.push_back({{range.begin().raw, range.end().raw}, to_string(name), depth});
  report.texts.iomem = printed([&](TextSink& out) { builder.tree().print(out); });
}

}  // namespace quarry::cli
