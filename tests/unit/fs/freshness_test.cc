#include "fs/freshness.h"

#include <gtest/gtest.h>

namespace recrypt {
namespace {

const DocumentId kOne = {1};
const DocumentId kTwo = {2};

TEST(FreshnessMemory, RefusesAnOlderStateAtTheSamePlace) {
  FreshnessMemory memory;
  EXPECT_TRUE(memory.Admit(kOne, 5, "f"));
  EXPECT_TRUE(memory.Admit(kOne, 5, "f"));
  const auto older = memory.Admit(kOne, 4, "f");
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, ErrorCode::kStale);
  EXPECT_TRUE(memory.Admit(kOne, 6, "f"));
  EXPECT_FALSE(memory.Admit(kOne, 5, "f"));
}

TEST(FreshnessMemory, TakesACopyForACopy) {
  FreshnessMemory memory;
  EXPECT_TRUE(memory.Admit(kOne, 5, "f"));
  EXPECT_TRUE(memory.Admit(kOne, 3, "f (conflict)"));
  EXPECT_TRUE(memory.Admit(kOne, 9, "f (conflict)"));
  EXPECT_TRUE(memory.Admit(kOne, 5, "f"));
}

TEST(FreshnessMemory, ACopyThatIsReadDoesNotHideARollback) {
  FreshnessMemory memory;
  EXPECT_TRUE(memory.Admit(kOne, 5, "f"));
  EXPECT_TRUE(memory.Admit(kOne, 7, "copy"));
  EXPECT_FALSE(memory.Admit(kOne, 4, "f"));
  EXPECT_FALSE(memory.Admit(kOne, 6, "copy"));
}

TEST(FreshnessMemory, WhatTheMountMovesIsRightWhereItMovedIt) {
  FreshnessMemory memory;
  EXPECT_TRUE(memory.Admit(kOne, 9, "f"));
  EXPECT_TRUE(memory.Admit(kOne, 3, "copy"));
  memory.Moved(kOne, 3, "f");
  EXPECT_TRUE(memory.Admit(kOne, 3, "f"));
  EXPECT_FALSE(memory.Admit(kOne, 2, "f"));
}

TEST(FreshnessMemory, NoticesADocumentInPlaceOfAnother) {
  using Noticed = FreshnessMemory::Noticed;
  FreshnessMemory memory;
  EXPECT_EQ(*memory.Admit(kOne, 1, "f"), Noticed::kNothing);
  EXPECT_EQ(*memory.Admit(kTwo, 1, "g"), Noticed::kNothing);
  EXPECT_EQ(*memory.Admit(kTwo, 1, "f"), Noticed::kStandsInForAnother);
  EXPECT_EQ(*memory.Admit(kOne, 1, "g"), Noticed::kStandsInForAnother);
  EXPECT_EQ(*memory.Admit(kOne, 2, "g"), Noticed::kNothing);
  // To a new place, or by this mount itself, is an ordinary rename.
  EXPECT_EQ(*memory.Admit(kOne, 2, "h"), Noticed::kNothing);
  memory.Moved(kOne, 2, "i");
  memory.Moved({3}, 2, "i");
  EXPECT_EQ(*memory.Admit({3}, 2, "i"), Noticed::kNothing);
}

TEST(FreshnessMemory, KnowsWhereItSawSomething) {
  FreshnessMemory memory;
  EXPECT_TRUE(memory.Admit(kOne, 1, "f"));
  EXPECT_TRUE(memory.Knows("f"));
  EXPECT_FALSE(memory.Knows("g"));
}

TEST(FreshnessMemory, RemembersTheLastDocumentsOfAPlace) {
  FreshnessMemory memory;
  EXPECT_TRUE(memory.Admit(kOne, 5, "f"));
  EXPECT_TRUE(memory.Admit(kTwo, 5, "f"));
  EXPECT_FALSE(memory.Admit(kOne, 4, "f"));
  EXPECT_FALSE(memory.Admit(kTwo, 4, "f"));
  // Saving by rename: another document each time, in bounded memory.
  DocumentId last{};
  for (uint8_t i = 10; i < 200; ++i) {
    last = {i};
    EXPECT_TRUE(memory.Admit(last, 5, "f"));
  }
  EXPECT_FALSE(memory.Admit(last, 4, "f"));
  EXPECT_TRUE(memory.Admit(kOne, 4, "f"));
}

}  // namespace
}  // namespace recrypt
