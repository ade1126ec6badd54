// tests/compared_case.hpp: a captured machine, booted from its inputs and held against what the kernel showed.
#pragma once

#include <filesystem>
#include <string_view>

#include "cli/compare_boot.hpp"
#include "linux/compare.hpp"
#include "linux/file_bytes.hpp"

namespace quarry::lnx {

// Errors    those of read_corpus_case().
inline Expected<Comparison> compare_case(const std::filesystem::path& directory) {
  const auto machine = read_corpus_case(directory);
  if (!machine) return machine.problem();
  const auto booted = cli::boot_to_compare(*machine);
  const Outcomes shown = read_outcomes([&](std::string_view file) { return read_file(directory / file); });
  return compare(booted.shown, shown, {.failure = booted.failure});
}

}  // namespace quarry::lnx
