// benchmarks/object_subjects.hpp: who hands out small objects in the object workloads: Quarry's caches, and general allocators as
// Debian has them.
#pragma once

#include <dlfcn.h>
#include <malloc.h>
#include <sys/mman.h>

#include <memory>
#include <string>

#include "benchmarks/page_pool.hpp"
#include "quarry/memory/frames.hpp"
#include "quarry/slab/kmalloc.hpp"

namespace quarry::bench {

// Frames from PagePool's first on, in one mapping; cores are threads.
class ObjectPlatform : public BenchCores {
 public:
  static constexpr auto kFeatures = port::Feature::many_cores;
  ObjectPlatform(std::byte* memory, std::uint64_t frames, unsigned cores) noexcept
      : BenchCores{cores}, memory_{memory}, frames_{frames} {}
  using Guard = BenchCores::Guard;
  std::byte* map(PfnRange pages) const noexcept {
    if (pages.begin() < kFirst || pages.end() > kFirst + PageCount{frames_}) return nullptr;
    return memory_ + ((pages.begin() - kFirst).raw << 12);
  }
  Result<Pfn> pfn_of(const void* pointer) const noexcept {
    const auto offset = static_cast<std::uint64_t>(static_cast<const std::byte*>(pointer) - memory_);
    if (offset >= frames_ << 12) return Error::out_of_range;
    return kFirst + PageCount{offset >> 12};
  }

 private:
  static constexpr Pfn kFirst{PagePool::kFirst};
  std::byte* memory_;
  std::uint64_t frames_;
};

// A machine of 4 GiB with nothing in it but caches. Nothing of its hardening is compiled in unless asked for.
template <slab::Hardening H = slab::kPlain>
class ObjectMachine {
 public:
  using Pages = memory::Frames<ObjectPlatform, BenchAllocator>;
  using Cache = slab::KmemCache<Pages, H>;
  static constexpr std::uint64_t kFrames = 1u << 20;

  explicit ObjectMachine(unsigned cores = 1)
      : ram_{(kFrames + PagePool::kKept) << 12},
        pool_{tables_, kFrames, cores},
        frames_{pool_.pages(), pool_.layout(), ObjectPlatform{ram_.data(), kFrames + PagePool::kKept, cores}},
        slabs_{frames_, slab::SlabConfig{.packing = {.cpus = cores}, .merging = false}},
        kmalloc_{slabs_} {
    frames_.settle({});
    if (!slabs_.boot() || !kmalloc_.boot(slab::DmaCaches::none)) std::exit(1);
  }
  Cache& cache(std::uint32_t size) {
    const auto made = slabs_.create({.name = "bench", .size = size});
    if (!made) std::exit(1);
    return *made.value();
  }
  slab::Kmalloc<Pages, H>& kmalloc() { return kmalloc_; }
  slab::SlabAllocator<Pages, H>& slabs() { return slabs_; }
  std::uint64_t used_pages() {
    pool_.pages().drain_all();
    return kFrames + PagePool::kKept -
           pool_.pages().free_pages_of(static_cast<std::uint32_t>(zones::ZoneType::normal)).raw;
  }

 private:
  struct Mapping {
    explicit Mapping(std::size_t bytes) : size{bytes} {
      // Aligned as a direct map is, to the largest block.
      constexpr std::size_t align = std::size_t{4} << 20;
      void* const at = mmap(nullptr, size + align, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (at == MAP_FAILED) std::perror("quarry: no memory for objects"), std::exit(2);
      begin = static_cast<std::byte*>(at);
      aligned = begin + ((align - reinterpret_cast<std::uintptr_t>(at)) & (align - 1));
    }
    ~Mapping() { munmap(begin, size + (std::size_t{4} << 20)); }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    std::byte* data() const { return aligned; }
    std::size_t size;
    std::byte *begin, *aligned;
  };

  Mapping ram_;
  PoolMemory tables_{std::size_t{64} << 20};
  PagePool pool_;
  Pages frames_;
  slab::SlabAllocator<Pages, H> slabs_;
  slab::Kmalloc<Pages, H> kmalloc_;
};

// malloc and free of a shared library, called by pointer: what a call by way of the PLT costs.
struct Malloc {
  std::string name;
  void* (*take)(std::size_t) = nullptr;
  void (*give)(void*) = nullptr;
  void* library = nullptr;

  // Null functions: it is not installed.
  static Malloc open(const std::string& name) {
    if (name == "glibc") return {name, &::malloc, &::free, nullptr};
    const std::string file = name == "mimalloc"   ? "libmimalloc.so.2"
                             : name == "jemalloc" ? "libjemalloc.so.2"
                                                  : "libtcmalloc_minimal.so.4";
    void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      std::fprintf(stderr, "quarry: %s\n", dlerror());
      return {name};
    }
    const char* const prefix = name == "mimalloc" ? "mi_" : "";
    const auto find = [&](const std::string& what) { return dlsym(library, (prefix + what).c_str()); };
    return {name, reinterpret_cast<void* (*)(std::size_t)>(find("malloc")),
            reinterpret_cast<void (*)(void*)>(find("free")), library};
  }
  bool is_there() const { return take != nullptr && give != nullptr; }
  // What it keeps for later goes back to the system, as far as it lets itself be told.
  void give_back() const {
    if (name == "glibc") malloc_trim(0);
    if (name == "mimalloc") reinterpret_cast<void (*)(bool)>(dlsym(library, "mi_collect"))(true);
    if (name == "jemalloc") {
      const auto control = reinterpret_cast<int (*)(const char*, void*, std::size_t*, void*, std::size_t)>(
          dlsym(library, "mallctl"));
      control("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
      control("arena.4096.purge", nullptr, nullptr, nullptr, 0);
    }
    if (name == "tcmalloc")
      if (auto* const release =
              reinterpret_cast<void (*)()>(dlsym(library, "MallocExtension_ReleaseFreeMemory")))
        release();
  }
};

}  // namespace quarry::bench
