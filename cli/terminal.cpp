#include "cli/terminal.hpp"

#include <fmt/format.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <clocale>
#include <cstdlib>
#include <cstring>

namespace quarry::cli {
namespace {

// Numbers of ECMA-48's SGR; a colour's ground is ten more.
unsigned code_of(Ink ink) {
  switch (ink) {
    case Ink::plain: return 0;
    case Ink::heading: return 1;
    case Ink::faint: return 2;
    case Ink::free: return 32;
    case Ink::kernel: return 31;
    case Ink::loaded: return 35;
    case Ink::firmware: return 37;
    case Ink::metadata: return 94;
    case Ink::tables: return 34;
    case Ink::contiguous: return 36;
    case Ink::crash: return 91;
    case Ink::reserved: return 33;
    case Ink::unused: return 90;
    case Ink::warning: return 33;
  }
  return 0;
}

constexpr std::size_t kNarrowest = 60, kUsual = 100, kWidest = 160;

}  // namespace

std::string TextStyle::in(Ink ink, std::string_view text) const {
  if (!colour || ink == Ink::plain) return std::string{text};
  return fmt::format("\033[{}m{}\033[0m", code_of(ink), text);
}

std::string TextStyle::in(Ink ink, Ink ground, std::string_view text) const {
  if (!colour) return std::string{text};
  return fmt::format("\033[{};{}m{}\033[0m", code_of(ink), code_of(ground) + 10, text);
}

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

std::size_t terminal_width() {
  std::size_t width = kUsual;
  winsize size{};
  const char* const columns = std::getenv("COLUMNS");
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0)
    width = size.ws_col;
  else if (columns != nullptr)
    std::from_chars(columns, columns + std::strlen(columns), width);
  return std::clamp(width, kNarrowest, kWidest);
}

std::size_t terminal_height() {
  constexpr std::size_t usual = 24;
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row != 0 ? size.ws_row : usual;
}

bool locale_is_utf8() {
  std::setlocale(LC_CTYPE, "");
  return std::string_view{::nl_langinfo(CODESET)} == "UTF-8";
}

}  // namespace quarry::cli
