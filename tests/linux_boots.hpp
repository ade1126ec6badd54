// tests/linux_boots.hpp: recorded x86 boots, booted again from their inputs: what our memblock was asked, and what it has.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/early_memory.hpp"
#include "host/virtual_arena.hpp"
#include "linux/corpus_case.hpp"
#include "linux/file_bytes.hpp"
#include "linux/linux_allocations.hpp"
#include "quarry/memory/early_system.hpp"
#include "tests/corpus_files.hpp"

namespace quarry::lnx {

using Lines = std::vector<std::string>;

inline std::uint64_t number(const nlohmann::json& value) {
  return value.is_string() ? std::stoull(value.get<std::string>(), nullptr, 16) : value.get<std::uint64_t>();
}

inline std::string text_file(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  return bytes ? std::string{text_of(*bytes)} : std::string{};
}

inline std::string string_of(TextView text) { return {text.data(), text.size()}; }

inline std::vector<std::filesystem::path> cases_of(std::string_view arch) {
  return corpus::cases_in(QUARRY_CORPUS, arch);
}

inline std::vector<std::filesystem::path> x86_cases() { return cases_of("x86-"); }

// Comparable lines: who takes how much where.
inline std::string allocation(std::string_view owner, std::uint64_t size, std::uint64_t at) {
  return fmt::format("{:<22} takes {:>#11x} at {:#x}", owner, size, at);
}
inline std::string reservation(std::string_view owner, std::uint64_t size, std::uint64_t at) {
  return fmt::format("{:<22} keeps {:>#11x} at {:#x}", owner, size, at);
}
inline std::string release(std::uint64_t size, std::uint64_t at) {
  return fmt::format("{:<22} frees {:>#11x} at {:#x}", "", size, at);
}

struct Booted {
  MachineDescription machine;
  hosted::VirtualArena memory{std::size_t{1} << 30};
  std::optional<boot::Machine> view;
  std::unique_ptr<LinuxAllocations> model;
  memory::EarlySystem* system = nullptr;
  std::string failure;
  std::string step;
  Lines asked;
  Lines grown;  // tables of memblock that were doubled
};

inline void hear(void* self, const early::Event& event) noexcept {
  auto& booted = *static_cast<Booted*>(self);
  // The kernel has not read memblock=debug yet.
  if (booted.step == "early_reserve_memory") return;
  const std::string owner = string_of(event.owner);
  const std::uint64_t at = event.range.begin().raw, size = event.range.size().raw;
  if (event.action == early::Action::alloc) {
    const std::string who = owner.ends_with("hash table") ? "hash table" : owner;
    booted.asked.push_back(allocation(who, event.size.raw, at));
  }
  if (event.action == early::Action::reserve) booted.asked.push_back(reservation("", size, at));
  const auto place = fmt::format("{:#x}+{:#x}", at, size);
  const bool is_table = std::find(booted.grown.begin(), booted.grown.end(), place) != booted.grown.end();
  if (event.action == early::Action::free && !is_table) booted.asked.push_back(release(size, at));
  if (event.action == early::Action::grow) booted.grown.push_back(place);
}

inline std::unique_ptr<Booted> boot_machine(MachineDescription machine) {
  auto result = std::make_unique<Booted>();
  result->machine = std::move(machine);
  result->view = result->machine.machine();
  result->model = std::make_unique<LinuxAllocations>(result->machine.kernel);
  Arena& arena = result->memory.arena();
  memory::EarlyConfig config;
  config.spare = hosted::spare_of(arena);
  config.observer = {result.get(), &hear};
  config.hooks = result->model->hooks();
  config.steps = {result.get(),
                  [](void* self, const boot::Step& step, const boot::State&) noexcept {
                    static_cast<Booted*>(self)->step = step.name;
                  },
                  nullptr};
  const auto system = memory::EarlySystem::make(*result->view, arena, config);
  if (!system) {
    result->failure = "the arena is too small";
    return result;
  }
  result->system = system.value();
  if (!result->system->run_flow()) {
    const boot::Failure& why = result->system->state().failure;
    result->failure = fmt::format("{}: {}", why.step, string_of(why.what));
  }
  return result;
}

inline std::unique_ptr<Booted> boot_case(const std::filesystem::path& directory) {
  auto machine = read_corpus_case(directory);
  if (machine) return boot_machine(*std::move(machine));
  auto result = std::make_unique<Booted>();
  result->failure = machine.problem().text;
  return result;
}

}  // namespace quarry::lnx
