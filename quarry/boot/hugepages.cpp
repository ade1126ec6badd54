#include "quarry/boot/hugepages.hpp"

namespace quarry::boot {
namespace {

constexpr unsigned kShift16K = 14, kShift64K = 16;
constexpr std::uint64_t kKib = 1u << 10, kMib = 1u << 20, kGib = 1u << 30;

template <class... Sizes>
constexpr HugepageSizes made(std::uint64_t usual, Sizes... sizes) noexcept {
  return {.sizes = {Bytes{sizes}...}, .count = sizeof...(sizes), .usual = Bytes{usual}};
}

HugepageSizes arm64_sizes(unsigned page_shift) noexcept {
  if (page_shift == kShift64K) return made(512 * kMib, 2 * kMib, 512 * kMib, 16 * kGib);
  if (page_shift == kShift16K) return made(32 * kMib, 2 * kMib, 32 * kMib, kGib);
  return made(2 * kMib, 64 * kKib, 2 * kMib, 32 * kMib, kGib);
}

}  // namespace

bool HugepageSizes::has(Bytes size) const noexcept {
  for (const Bytes one : view())
    if (one == size) return true;
  return false;
}

HugepageSizes hugepage_sizes(const Machine& machine) noexcept {
  switch (machine.arch) {
    case Arch::arm64: return arm64_sizes(machine.geometry.page_size().shift());
    case Arch::arm: return machine.limits.phys_bits > 32 ? made(2 * kMib, 2 * kMib) : HugepageSizes{};
    case Arch::x86_64:
      return machine.has_gigabyte_pages ? made(2 * kMib, 2 * kMib, kGib) : made(2 * kMib, 2 * kMib);
    case Arch::riscv64: return made(2 * kMib, 2 * kMib, kGib);
  }
  return {};
}

bool is_gigantic(const Machine& machine, Bytes size) noexcept {
  const Geometry& geometry = machine.geometry;
  return hugepage_sizes(machine).has(size) &&
         size > geometry.page_size().bytes_in(geometry.max_order().pages());
}

Result<Done> HugepageOptions::take(const Option& option) noexcept {
  if (same_name(option.name, "hugepagesz")) return take_size(option.value, Default::no);
  if (same_name(option.name, "default_hugepagesz")) return take_size(option.value, Default::yes);
  if (!same_name(option.name, "hugepages")) return Done{};
  if (!is_valid_) {
    is_valid_ = true;
    return Error::bad_argument;
  }
  return take_number(option.value);
}

Result<Done> HugepageOptions::take_size(TextView value, Default is_default) noexcept {
  is_valid_ = false;
  if (is_default == Default::yes && has_default_) return Error::bad_argument;
  ValueReader reader{value};
  const auto number = reader.size();
  if (!number) return number.error();
  const Bytes size{number.value()};
  if (!sizes_.has(size)) return Error::bad_argument;
  for (std::size_t i = 0; i < sizes_.count; ++i) {
    if (sizes_.sizes[i] != size) continue;
    // The default's number may follow its size, said once more.
    const bool is_again = is_known_[i] && !(has_default_ && size == default_ && !has_number(size));
    if (is_default == Default::no && is_again) return Error::bad_argument;
    is_known_[i] = true;
  }
  is_valid_ = true;
  size_ = size;
  if (is_default == Default::yes) settle_default(size);
  return Done{};
}

void HugepageOptions::settle_default(Bytes size) noexcept {
  has_default_ = true;
  default_ = size;
  for (HugepagesRequest& request : state_.hugepages)
    if (request.page.raw == 0) request.page = size;
}

bool HugepageOptions::has_number(Bytes size) const noexcept {
  for (const HugepagesRequest& request : state_.hugepages)
    if (request.page == size) return true;
  return false;
}

Result<Done> HugepageOptions::take_number(TextView value) noexcept {
  if (last_ && *last_ == size_) return Error::bad_argument;
  const auto pushed = push(value);
  if (pushed) last_ = size_;
  return pushed;
}

// N, or node:N,node:N
Result<Done> HugepageOptions::push(TextView value) noexcept {
  ValueReader reader{value};
  do {
    const auto first = reader.size();
    if (!first) return first.error();
    HugepagesRequest request{.page = size_, .count = first.value()};
    if (reader.take(':')) {
      const auto count = reader.size();
      if (!count) return count.error();
      if (first.value() >= state_.machine.limits.max_nodes) return Error::bad_argument;
      request.node = static_cast<NodeId>(first.value());
      request.count = count.value();
    }
    const auto pushed = state_.hugepages.push(state_.arena, request);
    if (!pushed) return pushed.error();
  } while (reader.take(','));
  return Done{};
}

}  // namespace quarry::boot
