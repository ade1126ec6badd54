// tests/corpus_files.hpp: the recorded Linux boots as files: which cases there are, and their lines.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quarry/base/range.hpp"

namespace quarry::corpus {

// The folders of the cases below `place` whose names begin so, in order of their names.
inline std::vector<std::filesystem::path> cases_in(const std::filesystem::path& place,
                                                   std::string_view begin = {}) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator{place})
    if (std::filesystem::is_regular_file(entry.path() / "case.json") &&
        entry.path().filename().string().starts_with(begin))
      found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

// Those recorded boots that have `file`.
inline std::vector<std::filesystem::path> cases_with(std::string_view file) {
  auto found = cases_in(QUARRY_CORPUS);
  std::erase_if(found, [file](const auto& folder) { return !std::filesystem::exists(folder / file); });
  return found;
}

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline std::vector<std::byte> bytes_of(const std::filesystem::path& path) {
  const std::string text = text_of(path);
  const auto all = std::as_bytes(std::span{text});
  return {all.begin(), all.end()};
}

// The lines of a kernel log without their time stamps.
inline std::vector<std::string> log_of(const std::filesystem::path& folder) {
  std::ifstream in{folder / "dmesg.txt"};
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    const std::size_t end = line.find("] ");
    lines.push_back(line.starts_with('[') && end != std::string::npos ? line.substr(end + 2) : line);
  }
  return lines;
}

// "[mem 0xA-0xB] rest" after `prefix`: the bytes A to B, B included, and the rest.
struct MemLine {
  PhysRange range;
  std::string rest;
};
inline std::optional<MemLine> mem_line(const std::string& line, const std::string& prefix) {
  if (!line.starts_with(prefix)) return std::nullopt;
  static const std::regex pattern{R"(^\[mem 0x([0-9a-f]+)-0x([0-9a-f]+)\] ?(.*)$)"};
  const std::string tail = line.substr(prefix.size());
  std::smatch match;
  if (!std::regex_match(tail, match, pattern)) return std::nullopt;
  const PhysAddr first{std::stoull(match[1], nullptr, 16)}, last{std::stoull(match[2], nullptr, 16)};
  return MemLine{{first, last + Bytes{1}}, match[3]};
}

}  // namespace quarry::corpus
