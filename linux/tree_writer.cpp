#include "linux/tree_writer.hpp"

#include "linux/tree_words.hpp"

namespace quarry::lnx {
namespace {

using namespace tree;

constexpr std::uint32_t kReservationBytes = 16;

bool may_name_a_node(char letter) {
  const auto in = [letter](char first, char last) { return first <= letter && letter <= last; };
  return in('0', '9') || in('a', 'z') || in('A', 'Z') ||
         std::string_view{",._+-@"}.find(letter) != std::string_view::npos;
}

}  // namespace

TreeWriter& TreeWriter::begin(std::string_view name) {
  put(structure_, kBegin);
  std::string letters{name};
  for (char& letter : letters)
    if (!may_name_a_node(letter)) letter = '_';
  put_padded(structure_, letters + '\0');
  return *this;
}

TreeWriter& TreeWriter::end() {
  put(structure_, kEnd);
  return *this;
}

TreeWriter& TreeWriter::number(std::string_view name, std::uint32_t value) { return cells(name, {value}); }

TreeWriter& TreeWriter::cells(std::string_view name, std::span<const std::uint32_t> values) {
  std::string bytes;
  for (const std::uint32_t value : values) put(bytes, value);
  return property(name, bytes);
}

TreeWriter& TreeWriter::text(std::string_view name, std::string_view value) {
  return property(name, std::string{value} + '\0');
}

TreeWriter& TreeWriter::ranges(std::string_view name, std::span<const PhysRange> ranges) {
  std::string bytes;
  for (const PhysRange range : ranges) {
    put_wide(bytes, range.begin().raw);
    put_wide(bytes, range.size().raw);
  }
  return property(name, bytes);
}

TreeWriter& TreeWriter::property(std::string_view name, std::string_view value) {
  put(structure_, kProperty);
  put(structure_, static_cast<std::uint32_t>(value.size()));
  put(structure_, static_cast<std::uint32_t>(strings_.size()));
  put_padded(structure_, value);
  strings_.append(name);
  strings_.push_back('\0');
  return *this;
}

std::vector<std::byte> TreeWriter::finish() {
  end();
  put(structure_, kLast);
  const auto structure = static_cast<std::uint32_t>(structure_.size());
  const auto strings = static_cast<std::uint32_t>(strings_.size());
  const std::uint32_t begin = kHeaderBytes + kReservationBytes;
  std::string all;
  for (const std::uint32_t word : {kMagic, begin + structure + strings, begin, begin + structure,
                                   kHeaderBytes, kVersion, kCompatibleWith, 0u, strings, structure})
    put(all, word);
  all.append(kReservationBytes, '\0');
  all += structure_ + strings_;
  std::vector<std::byte> bytes;
  for (const char c : all) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}

}  // namespace quarry::lnx
