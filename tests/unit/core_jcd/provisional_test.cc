// Provisional documents: what may have been torn by a power cut, and what is damage.
#include "core/jcd/provisional.h"

#include <gtest/gtest.h>

#include "tests/unit/core_jcd/fixture.h"

namespace recrypt {
namespace {

class ProvisionalTest : public testing::Test {
 protected:
  // The stored bytes of a small document, committed by an fsync or without.
  Bytes Stored(Durability durability) {
    auto file = std::make_shared<MemoryFile>();
    auto document = world_.Create(file);
    Must(document->Write(0, RandomContent(10'000)));
    Must(document->Commit(world_.author(), durability));
    return file->bytes();
  }
  static bool MayBeTorn(Bytes bytes) {
    MemoryFile file(std::move(bytes));
    return Must(MayBeTornCreation(file));
  }

  World world_;
};

TEST_F(ProvisionalTest, WhatWasNeverDurableMayBeTorn) {
  Bytes stored = Stored(Durability::kVisible);
  EXPECT_TRUE(MayBeTorn(stored));
  stored.resize(5'000);
  EXPECT_TRUE(MayBeTorn(stored));
}

TEST_F(ProvisionalTest, WhatWasDurableIsDamagedWhateverIsMissingBehindItsHeader) {
  const Bytes stored = Stored(Durability::kSynced);
  EXPECT_FALSE(MayBeTorn(stored));
  for (const size_t length : {size_t{1}, size_t{511}, size_t{2303}, size_t{2304}, size_t{9'000}}) {
    EXPECT_FALSE(MayBeTorn(Bytes(stored.begin(), stored.begin() + static_cast<long>(length))));
  }
  Bytes zeroed = stored;
  zeroed.resize(2304);
  zeroed.resize(stored.size());
  EXPECT_FALSE(MayBeTorn(zeroed));
  for (size_t at = 0; at < 2304; at += 100) {
    Bytes changed = stored;
    changed[at] = 0;
    EXPECT_FALSE(MayBeTorn(changed));
  }
}

TEST_F(ProvisionalTest, AHeaderOfWhichASectorNeverReachedTheDiskIsTorn) {
  const Bytes stored = Stored(Durability::kSynced);
  for (size_t sector = 0; sector < 2295; sector += 512) {
    Bytes torn = stored;
    std::fill_n(torn.begin() + static_cast<long>(sector), 512, uint8_t{0});
    EXPECT_TRUE(MayBeTorn(torn)) << sector;
  }
}

TEST_F(ProvisionalTest, ConfirmingChangesTheMarkAndNothingElse) {
  Bytes stored = Stored(Durability::kVisible);
  MemoryFile file(stored);
  EXPECT_TRUE(Must(IsProvisional(file)));
  Must(ConfirmDurable(file));
  EXPECT_FALSE(Must(IsProvisional(file)));
  stored[kProvisionalAt] = ' ';
  EXPECT_EQ(file.bytes(), stored);
  Must(ConfirmDurable(file));
  EXPECT_EQ(file.writes, 1);
}

}  // namespace
}  // namespace recrypt
