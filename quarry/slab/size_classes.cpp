#include "quarry/slab/size_classes.hpp"

namespace quarry::slab {

namespace {

using Names = const char* const[kSizeClasses];

// By index, of which 0 is no class.
constexpr Names kNormal = {
    "",           "kmalloc-96",  "kmalloc-192", "kmalloc-8",   "kmalloc-16",  "kmalloc-32",
    "kmalloc-64", "kmalloc-128", "kmalloc-256", "kmalloc-512", "kmalloc-1k",  "kmalloc-2k",
    "kmalloc-4k", "kmalloc-8k",  "kmalloc-16k", "kmalloc-32k", "kmalloc-64k", "kmalloc-128k"};
constexpr Names kReclaimable = {"",
                                "kmalloc-rcl-96",
                                "kmalloc-rcl-192",
                                "kmalloc-rcl-8",
                                "kmalloc-rcl-16",
                                "kmalloc-rcl-32",
                                "kmalloc-rcl-64",
                                "kmalloc-rcl-128",
                                "kmalloc-rcl-256",
                                "kmalloc-rcl-512",
                                "kmalloc-rcl-1k",
                                "kmalloc-rcl-2k",
                                "kmalloc-rcl-4k",
                                "kmalloc-rcl-8k",
                                "kmalloc-rcl-16k",
                                "kmalloc-rcl-32k",
                                "kmalloc-rcl-64k",
                                "kmalloc-rcl-128k"};
constexpr Names kDma = {"",
                        "dma-kmalloc-96",
                        "dma-kmalloc-192",
                        "dma-kmalloc-8",
                        "dma-kmalloc-16",
                        "dma-kmalloc-32",
                        "dma-kmalloc-64",
                        "dma-kmalloc-128",
                        "dma-kmalloc-256",
                        "dma-kmalloc-512",
                        "dma-kmalloc-1k",
                        "dma-kmalloc-2k",
                        "dma-kmalloc-4k",
                        "dma-kmalloc-8k",
                        "dma-kmalloc-16k",
                        "dma-kmalloc-32k",
                        "dma-kmalloc-64k",
                        "dma-kmalloc-128k"};

}  // namespace

TextView class_name(Memory memory, unsigned index) noexcept {
  check(index < kSizeClasses, "no such size class");
  switch (memory) {
    case Memory::reclaimable: return kReclaimable[index];
    case Memory::dma: return kDma[index];
    case Memory::normal: break;
  }
  return kNormal[index];
}

}  // namespace quarry::slab
