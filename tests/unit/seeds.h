// The seeds of tests with random operations.
//
//   INSTANTIATE_TEST_SUITE_P(Seeds, Model, testing::ValuesIn(Seeds(12, 200)));
#ifndef RECRYPT_TESTS_UNIT_SEEDS_H_
#define RECRYPT_TESTS_UNIT_SEEDS_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "tests/full_run.h"

namespace recrypt {

// 1 to `sample`; with RECRYPT_FULL set, `more` that nobody has tried. The first of those is
// printed, and repeated by RECRYPT_SEED.
inline std::vector<uint32_t> Seeds(uint32_t sample, uint32_t more) {
  std::vector<uint32_t> seeds;
  for (uint32_t seed = 1; seed <= sample; ++seed) seeds.push_back(seed);
  if (!IsFullRun()) return seeds;
  const char* told = std::getenv("RECRYPT_SEED");
  static const uint32_t first = told != nullptr && *told != 0
                                    ? static_cast<uint32_t>(std::strtoul(told, nullptr, 10))
                                    : std::random_device()();
  std::printf("seed: RECRYPT_SEED=%u\n", first);
  std::fflush(stdout);
  for (uint32_t i = 0; i < more; ++i) seeds.push_back(first + i);
  return seeds;
}

}  // namespace recrypt

#endif  // RECRYPT_TESTS_UNIT_SEEDS_H_
