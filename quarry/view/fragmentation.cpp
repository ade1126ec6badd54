#include "quarry/view/fragmentation.hpp"

#include "quarry/base/divide.hpp"

namespace quarry::view {
namespace {

void print_name(TextSink& out, const CountedZone& zone) noexcept {
  out.put("Node ").dec(static_cast<std::uint16_t>(zone.node));
  out.put(", zone ").right(zones::name_of(zone.type), 8).put(' ');
}

// Three digits; of a negative remainder the sign stands in front of the first that is shown, as C prints it.
void print_thousandths(TextSink& out, std::uint64_t value, const char* sign) noexcept {
  out.put(sign);
  const std::size_t width = *sign == '\0' ? 3 : 2;
  for (std::uint64_t least = width == 3 ? 100 : 10; least > value && least > 1; least = divide(least, 10))
    out.put('0');
  out.dec(value);
}

}  // namespace

void print_unusable_index(TextSink& out, Order max_order, std::span<const CountedZone> zones) noexcept {
  for (const CountedZone& zone : zones) {
    print_name(out, zone);
    for (unsigned order = 0; order <= max_order.raw(); ++order) {
      const std::uint64_t index = buddy::unusable_index(zone.stats, Order{order});
      out.dec(index >= 1000 ? 1 : 0).put('.');
      print_thousandths(out, index >= 1000 ? index - 1000 : index, "");
      out.put(' ');
    }
    out.put('\n');
  }
}

void print_extfrag_index(TextSink& out, Order max_order, std::span<const CountedZone> zones) noexcept {
  for (const CountedZone& zone : zones) {
    print_name(out, zone);
    for (unsigned order = 0; order <= max_order.raw(); ++order) {
      // Whole part and remainder have the sign of the number, each for itself: -0.5 is " 0.-500".
      const std::int64_t index = buddy::fragmentation_index(zone.stats, Order{order});
      const auto size = static_cast<std::uint64_t>(index < 0 ? -index : index);
      const std::uint64_t whole = divide(size, 1000), rest = size - whole * 1000;
      out.put(index < 0 && whole != 0 ? '-' : ' ').dec(whole).put('.');
      print_thousandths(out, rest, index < 0 && rest != 0 ? "-" : "");
      out.put(' ');
    }
    out.put('\n');
  }
}

}  // namespace quarry::view
