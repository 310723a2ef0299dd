// The parsing cases of nst/JSONTestSuite, which this project does not carry: set RECRYPT_VECTORS to
// a folder that holds them as jsontestsuite/.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/json/json.h"
#include "core/json/jsonbcd.h"

namespace recrypt {
namespace {

namespace fs = std::filesystem;

using Case = void (*)(const std::string& name, const std::string& text);

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Calls `check` for every case whose name begins with `prefix`, and returns how many there were.
int ForEachCase(std::string_view prefix, Case check) {
  const char* vectors = std::getenv("RECRYPT_VECTORS");
  const fs::path folder = fs::path(vectors ? vectors : "") / "jsontestsuite";
  if (!fs::is_directory(folder)) return 0;
  int count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    check(name, ReadFile(entry.path()));
    ++count;
  }
  return count;
}

// The one point where the house is stricter than RFC 8259.
bool IsDuplicateKey(const std::string& name) { return name.starts_with("y_object_duplicated_key"); }

TEST(JsonTestSuite, WhatMustBeAcceptedIsExceptDuplicateKeys) {
  const int count = ForEachCase("y_", [](const std::string& name, const std::string& text) {
    EXPECT_EQ(ParseJson(text).has_value(), !IsDuplicateKey(name)) << name;
    EXPECT_EQ(ParseJsonBcd(AsBytes(text)).has_value(), !IsDuplicateKey(name)) << name;
  });
  if (count == 0) GTEST_SKIP() << "RECRYPT_VECTORS has no jsontestsuite";
}

TEST(JsonTestSuite, WhatMustBeRefusedIs) {
  const int count = ForEachCase("n_", [](const std::string& name, const std::string& text) {
    EXPECT_FALSE(ParseJson(text)) << name;
    EXPECT_FALSE(ParseJsonBcd(AsBytes(text))) << name;
  });
  if (count == 0) GTEST_SKIP() << "RECRYPT_VECTORS has no jsontestsuite";
}

TEST(JsonTestSuite, BothReadersAgreeOnEveryCase) {
  const int count = ForEachCase("", [](const std::string& name, const std::string& text) {
    const auto json = ParseJson(text);
    const auto bcd = ParseJsonBcd(AsBytes(text));
    ASSERT_EQ(json.has_value(), bcd.has_value()) << name;
    if (json) {
      EXPECT_EQ(*json, *bcd) << name;
    }
  });
  if (count == 0) GTEST_SKIP() << "RECRYPT_VECTORS has no jsontestsuite";
}

}  // namespace
}  // namespace recrypt
