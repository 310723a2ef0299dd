// What a run of the tests is: the short one that every change gets, or the full one.
//
//   const int rounds = IsFullRun() ? 3'000 : 300;
#ifndef RECRYPT_TESTS_FULL_RUN_H_
#define RECRYPT_TESTS_FULL_RUN_H_

#include <cstdlib>

namespace recrypt {

// ./test --full sets RECRYPT_FULL.
inline bool IsFullRun() {
  const char* full = std::getenv("RECRYPT_FULL");
  return full != nullptr && *full != '\0';
}

// Time and memory under a sanitizer say nothing about those of the program.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

}  // namespace recrypt

#endif  // RECRYPT_TESTS_FULL_RUN_H_
