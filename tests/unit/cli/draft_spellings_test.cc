#include "cli/draft_spellings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cli/command.h"

namespace recrypt {
namespace {

using testing::ElementsAre;

TEST(DraftSpellings, OfTheDraftsSection4AreTranslated) {
  EXPECT_THAT(TranslateDraftSpelling({"/personal", "alice@example.com"}),
              ElementsAre("profile", "create", "alice@example.com"));
  EXPECT_THAT(TranslateDraftSpelling({"/newgroup", "privatealice@example.com"}),
              ElementsAre("label", "create", "privatealice@example.com"));
  EXPECT_THAT(TranslateDraftSpelling({"/encrypt", "privatealice@example.com", "test.txt"}),
              ElementsAre("encrypt", "privatealice@example.com", "test.txt"));
  EXPECT_THAT(TranslateDraftSpelling({"add", "privatealice@example.com", "bob@example.net"}),
              ElementsAre("label", "add", "privatealice@example.com", "bob@example.net"));
  EXPECT_THAT(TranslateDraftSpelling({"remove", "privatealice@example.com", "bob@example.net"}),
              ElementsAre("label", "remove", "privatealice@example.com", "bob@example.net"));
  EXPECT_THAT(TranslateDraftSpelling({"/decrypt", "test.txt.jcd"}),
              ElementsAre("decrypt", "test.txt.jcd"));
}

TEST(DraftSpellings, TheSlashMayBeLeftOut) {
  EXPECT_THAT(TranslateDraftSpelling({"newgroup", "a@b.c"}),
              ElementsAre("label", "create", "a@b.c"));
  EXPECT_THAT(TranslateDraftSpelling({"/add", "a@b.c", "d@e.f"}),
              ElementsAre("label", "add", "a@b.c", "d@e.f"));
}

TEST(DraftSpellings, WhatIsNoneIsLeftAsItIs) {
  EXPECT_THAT(TranslateDraftSpelling({"mount", "/personal"}), ElementsAre("mount", "/personal"));
  EXPECT_TRUE(TranslateDraftSpelling({}).empty());
}

TEST(DraftSpellings, EachLeadsToAVerbThatThereIs) {
  for (const DraftSpelling& spelling : DraftSpellings()) {
    EXPECT_TRUE(std::any_of(Verbs().begin(), Verbs().end(), [&](const Verb& verb) {
      return verb.words == spelling.verb;
    })) << spelling.verb;
  }
}

}  // namespace
}  // namespace recrypt
