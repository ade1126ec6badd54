#include "shell/console.hpp"

namespace quarry::shell {
namespace {

// Numbers of ECMA-48's SGR.
unsigned code_of(Ink ink) noexcept {
  switch (ink) {
    case Ink::heading: return 1;
    case Ink::kept: return 31;
    case Ink::free: return 32;
    case Ink::returning: return 94;
    case Ink::notable: return 36;
    case Ink::warning: return 33;
  }
  return 0;
}

}  // namespace

void Style::begin(TextSink& out, Ink ink) const noexcept {
  if (colour) out.put("\033[").dec(code_of(ink)).put('m');
}

void Style::end(TextSink& out) const noexcept {
  if (colour) out.put("\033[0m");
}

void Style::put(TextSink& out, Ink ink, TextView text) const noexcept {
  begin(out, ink);
  out.put(text);
  end(out);
}

}  // namespace quarry::shell
