// tests/geometry_tests.hpp: the same test on several geometries.
#pragma once

#include "quarry/base/geometries.hpp"
#include "tests/test.hpp"

#define TEST_ON_SPARSE(name)                         \
  template <::quarry::Geometry G>                    \
  static void name();                                \
  TEST(name##_4k) { name<::quarry::k4KSparse>(); }   \
  TEST(name##_16k) { name<::quarry::k16KSparse>(); } \
  TEST(name##_64k) { name<::quarry::k64KSparse>(); } \
  template <::quarry::Geometry G>                    \
  static void name()
