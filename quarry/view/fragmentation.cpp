#include "quarry/view/fragmentation.hpp"

#include "quarry/base/divide.hpp"

namespace quarry::view {
namespace {

struct FreeBlocks {
  std::uint64_t pages = 0;     // in all blocks
  std::uint64_t blocks = 0;    // of whatever size
  std::uint64_t suitable = 0;  // blocks of the order that they make
};

FreeBlocks count(const buddy::ZoneStats& zone, Order wanted, Order max_order) noexcept {
  FreeBlocks sum;
  for (unsigned order = 0; order <= max_order.raw(); ++order)
    for (const std::uint64_t blocks : zone.free_blocks[order]) {
      sum.blocks += blocks;
      sum.pages += blocks << order;
      if (order >= wanted.raw()) sum.suitable += blocks << (order - wanted.raw());
    }
  return sum;
}

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

std::uint64_t unusable_index(const buddy::ZoneStats& zone, Order order, Order max_order) noexcept {
  const FreeBlocks free = count(zone, order, max_order);
  if (free.pages == 0) return 1000;
  return divide((free.pages - (free.suitable << order.raw())) * 1000, free.pages);
}

std::int64_t fragmentation_index(const buddy::ZoneStats& zone, Order order, Order max_order) noexcept {
  const FreeBlocks free = count(zone, order, max_order);
  if (free.blocks == 0) return 0;
  if (free.suitable != 0) return -1000;
  const std::uint64_t requests = (free.pages * 1000) >> order.raw();
  return 1000 - static_cast<std::int64_t>(divide(1000 + requests, free.blocks));
}

void print_unusable_index(TextSink& out, Order max_order, std::span<const CountedZone> zones) noexcept {
  for (const CountedZone& zone : zones) {
    print_name(out, zone);
    for (unsigned order = 0; order <= max_order.raw(); ++order) {
      const std::uint64_t index = unusable_index(zone.stats, Order{order}, max_order);
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
      const std::int64_t index = fragmentation_index(zone.stats, Order{order}, max_order);
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
