#include "quarry/boot/crashkernel.hpp"

#include "quarry/base/bits.hpp"

namespace quarry::boot {
namespace {

constexpr std::uint64_t kRamUnit = 128u << 20;

TextView suffix_of(CrashkernelForm form) noexcept {
  switch (form) {
    case CrashkernelForm::high: return ",high";
    case CrashkernelForm::low: return ",low";
    case CrashkernelForm::plain: break;
  }
  return "";
}

bool is_of(CrashkernelForm form, TextView value) noexcept {
  if (form != CrashkernelForm::plain) return value.ends_with(suffix_of(form));
  return !value.ends_with(suffix_of(CrashkernelForm::high)) &&
         !value.ends_with(suffix_of(CrashkernelForm::low));
}

Result<CrashkernelRequest> with_offset(Bytes size, ValueReader& reader) noexcept {
  CrashkernelRequest request{.size = size};
  if (!reader.take('@')) return request;
  const auto at = reader.size();
  if (!at) return at.error();
  request.at = PhysAddr{at.value()};
  return request;
}

Result<CrashkernelRequest> parse_simple(TextView value, CrashkernelForm form) noexcept {
  ValueReader reader{value};
  const auto size = reader.size();
  if (!size) return size.error();
  if (form != CrashkernelForm::plain) {
    if (reader.rest() != suffix_of(form)) return Error::bad_argument;
    return CrashkernelRequest{.size = Bytes{size.value()}};
  }
  if (!reader.at_end() && reader.peek() != '@') return Error::bad_argument;
  return with_offset(Bytes{size.value()}, reader);
}

// start-[end]:size
struct SizeRange {
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t size;
};

Result<SizeRange> parse_range(ValueReader& reader) noexcept {
  const auto start = reader.size();
  if (!start) return start.error();
  if (!reader.take('-')) return Error::bad_argument;
  std::uint64_t end = UINT64_MAX;
  if (reader.peek() != ':') {
    const auto given = reader.size();
    if (!given) return given.error();
    end = given.value();
    if (end <= start.value()) return Error::bad_argument;
  }
  if (!reader.take(':')) return Error::bad_argument;
  const auto size = reader.size();
  if (!size) return size.error();
  return SizeRange{start.value(), end, size.value()};
}

Result<CrashkernelRequest> parse_by_ram(TextView value, std::uint64_t ram) noexcept {
  ValueReader reader{value};
  do {
    const auto range = parse_range(reader);
    if (!range) return range.error();
    if (range.value().size >= ram) return Error::bad_argument;
    if (ram < range.value().start || ram >= range.value().end) continue;
    if (range.value().size == 0) return CrashkernelRequest{};
    ValueReader offset{value.part(value.find('@'))};
    return with_offset(Bytes{range.value().size}, offset);
  } while (reader.take(','));
  return CrashkernelRequest{};
}

}  // namespace

Result<CrashkernelRequest> parse_crashkernel(const CommandLine& line, CrashkernelForm form,
                                             Bytes ram) noexcept {
  std::optional<TextView> value;
  for (const Option& option : line)
    if (option.has_value && same_name(option.name, "crashkernel") && is_of(form, option.value))
      value = option.value;
  if (!value) return Error::not_found;
  if (form != CrashkernelForm::plain || value->find(':') == value->size()) return parse_simple(*value, form);
  const auto rounded = align_up(ram.raw, kRamUnit);
  return parse_by_ram(*value, rounded ? rounded.value() : UINT64_MAX);
}

}  // namespace quarry::boot
