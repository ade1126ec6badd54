#include "cli/where_command.hpp"

#include <fmt/format.h>

#include <charconv>

#include "cli/life_output.hpp"
#include "cli/output.hpp"
#include "cli/text_report.hpp"

namespace quarry::cli {

const char* const kWhereExamples = R"(Examples:
  quarry where pc-2g 0x7123456                  which entry of the map, which zone, whose page, free or not
  quarry where dmesg.txt 7ffe0000               hexadecimal as logs print it; what is no RAM, and why
  quarry where board.dtb pfn:0x48000            a page frame, as oops messages have it
  quarry where arm-highmem-2g 1536M             a size from 0 on
  quarry where pc-2g --virt 0xffff888007123456  a virtual address, and the frame that it shows
  quarry where pc-2g --virt 0xffffea00001c48c0  an address in vmemmap: whose descriptor it is
  quarry where dmesg.txt 0x100000 --cmdline memmap=1M$1M --format json

Exit status: 0 done, 2 unusable arguments, 3 malformed input, 4 the machine cannot boot.)";

namespace {

constexpr std::string_view kPagePrefix = "pfn:";
constexpr unsigned kLeastPageShift = 12;

std::optional<std::uint64_t> number(std::string_view digits, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// Hexadecimal, or with a suffix a number of units.
std::optional<std::uint64_t> address_of(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const bool is_marked = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = is_marked ? text.substr(2) : text;
  const std::size_t unit = std::string_view{"KMGT"}.find(static_cast<char>(std::toupper(text.back())));
  if (unit == std::string_view::npos) return number(digits, 16);
  const auto value = number(digits.substr(0, digits.empty() ? 0 : digits.size() - 1), is_marked ? 16 : 10);
  const unsigned shift = 10 * (static_cast<unsigned>(unit) + 1);
  if (!value || *value > UINT64_MAX >> shift) return std::nullopt;
  return *value << shift;
}

}  // namespace

lnx::Expected<LifeQuestion> read_question(std::string_view text, bool is_virtual) {
  const auto wrong = [&](std::string_view expected) {
    return lnx::Problem{lnx::ExitStatus::bad_arguments, fmt::format("'{}': expected {}", text, expected)};
  };
  if (text.starts_with(kPagePrefix)) {
    if (is_virtual) return wrong("a virtual address such as 0xffff888007123456 with --virt");
    std::string_view digits = text.substr(kPagePrefix.size());
    const bool is_hex = digits.starts_with("0x") || digits.starts_with("0X");
    const auto page = number(is_hex ? digits.substr(2) : digits, 16);
    if (!page || *page > UINT64_MAX >> (kLeastPageShift + 4))
      return wrong("a page frame such as pfn:0x7123, in hexadecimal");
    return LifeQuestion{*page, LifeQuestion::Kind::page_frame};
  }
  const auto address = address_of(text);
  if (!address)
    return wrong(is_virtual ? "a virtual address such as 0xffff888007123456"
                            : "an address such as 0x7123456, 7123456 (hexadecimal), 112M or pfn:0x7123");
  return LifeQuestion{*address,
                      is_virtual ? LifeQuestion::Kind::virtual_address : LifeQuestion::Kind::physical};
}

int run_where(const WhereOptions& options) {
  const auto machine = lnx::describe(options.boot.machine, options.boot.describe);
  if (!machine) return complain(machine.problem());
  LifeReader reader{*machine, options.question};
  EventLog log;
  const auto report =
      boot_machine(*machine, options.boot.mode, log, options.boot.early, reader.runner(options.boot.policy));
  if (!report) return complain(report.problem());
  const std::string text = options.boot.format == Format::json
                               ? life_json(reader.life())
                               : life_text(reader.life(), text_style(options.boot));
  const auto problem = write_output(options.boot.output_file, text);
  return problem ? complain(*problem) : 0;
}

}  // namespace quarry::cli
