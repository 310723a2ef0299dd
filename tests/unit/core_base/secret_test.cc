#include "core/base/secret.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>

#include "tests/unit/hex.h"

namespace recrypt {
namespace {

bool IsZero(ByteSpan bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

// Small ones, a page, and more than one page; before and after there is a secure heap.
constexpr size_t kSizes[] = {1, 31, 32, 4095, 4096, 4097, 100000};

void ExpectSecretsBehave() {
  for (const size_t size : kSizes) {
    Secret fresh(size);
    ASSERT_EQ(fresh.size(), size);
    EXPECT_TRUE(IsZero(fresh.Reveal()));
    fresh.RevealMutable()[size - 1] = 7;
    const Secret copy = fresh.Clone();
    EXPECT_TRUE(copy.Equals(fresh));
    EXPECT_NE(copy.Reveal().data(), fresh.Reveal().data());
    const Secret random = Secret::Random(size);
    EXPECT_EQ(random.size(), size);
    if (size >= 16) {
      EXPECT_FALSE(IsZero(random.Reveal()));
    }
  }
}

TEST(Secret, HoldsAnySizeOfBytes) { ExpectSecretsBehave(); }

TEST(Secret, IsEmptyWhenMovedFrom) {
  Secret from = Secret::CopyOf(AsBytes("key"));
  const uint8_t* data = from.Reveal().data();
  Secret to(std::move(from));
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(to.Reveal().data(), data);
  Secret assigned = Secret::CopyOf(AsBytes("another"));
  assigned = std::move(to);
  EXPECT_EQ(AsText(assigned.Reveal()), "key");
  EXPECT_TRUE(to.empty());
}

TEST(Secret, TakingWipesTheSource) {
  Bytes bytes = ToBytes(AsBytes("a passphrase"));
  const uint8_t* at = bytes.data();
  const Secret secret = Secret::TakeFrom(bytes);
  EXPECT_EQ(AsText(secret.Reveal()), "a passphrase");
  EXPECT_TRUE(bytes.empty());
  EXPECT_EQ(bytes.capacity(), 12u);  // still our memory, to be looked at
  EXPECT_TRUE(IsZero({at, 12}));
}

TEST(Secret, EmptyOnesAreEqual) {
  EXPECT_TRUE(Secret().Equals(Secret(0)));
  EXPECT_TRUE(Secret::CopyOf({}).empty());
}

TEST(HardenProcess, LeavesNoCoreAndKeepsOlderSecretsUsable) {
  Secret older = Secret::CopyOf(AsBytes("made before the secure heap"));
  HardenProcess();
  HardenProcess();  // a second call is harmless
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_CORE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, 0u);
  EXPECT_EQ(AsText(older.Reveal()), "made before the secure heap");
  older = Secret::CopyOf(AsBytes("made after it"));
  EXPECT_EQ(AsText(older.Reveal()), "made after it");
  ExpectSecretsBehave();
}

TEST(HardenProcess, MoreSecretsThanTheHeapHoldsAreStillPossible) {
  HardenProcess();
  std::vector<Secret> many;
  for (int i = 0; i < 400; ++i) many.push_back(Secret::Random(30000));
  for (const Secret& secret : many) EXPECT_EQ(secret.size(), 30000u);
}

TEST(Wipe, ClearsAndEmpties) {
  std::string text = "secret";
  Wipe(text);
  EXPECT_TRUE(text.empty());
  uint8_t raw[4] = {1, 2, 3, 4};
  Wipe(raw, sizeof(raw));
  EXPECT_TRUE(IsZero(raw));
  Wipe(nullptr, 0);
}

}  // namespace
}  // namespace recrypt
