#include <gtest/gtest.h>

#include "core/label/expression.h"

namespace recrypt {
namespace {

std::string Canonical(std::string_view text) {
  auto name = LabelName::Parse(text);
  return name ? name->text() : "refused: " + name.error().message;
}

bool Refused(std::string_view text) {
  auto name = LabelName::Parse(text);
  return !name && name.error().code == ErrorCode::kInvalid;
}

TEST(LabelName, SplitsNameAndDomain) {
  auto label = LabelName::Parse("Accounting#example.com");
  ASSERT_TRUE(label);
  EXPECT_EQ(label->name(), "Accounting");
  EXPECT_EQ(label->domain(), "example.com");
  EXPECT_FALSE(label->is_personal());
}

TEST(LabelName, KeepsTheSpellingOfAPersonalGroup) {
  auto label = LabelName::Parse("friends@example.com");
  ASSERT_TRUE(label);
  EXPECT_EQ(label->text(), "friends@example.com");
  EXPECT_EQ(label->domain(), "example.com");
  EXPECT_TRUE(label->is_personal());
}

TEST(LabelName, LowersTheDomainAndKeepsTheCaseOfTheName) {
  EXPECT_EQ(Canonical("Accounting#EXAMPLE.Com"), "Accounting#example.com");
  EXPECT_EQ(*LabelName::Parse("A#X.com"), *LabelName::Parse("A#x.COM"));
  EXPECT_NE(*LabelName::Parse("A#x.com"), *LabelName::Parse("a#x.com"));
}

TEST(LabelName, IsComposed) {
  EXPECT_EQ(Canonical("Cafe\u0301#x.com"), "Caf\u00e9#x.com");
  EXPECT_EQ(Canonical("A#cafe\u0301.com"), "A#caf\u00e9.com");
  EXPECT_EQ(Canonical("A#CAF\u00c9.com"), "A#caf\u00e9.com");
}

TEST(LabelName, AcceptsNamesOfManyScripts) {
  for (const char* text :
       {"Проект#пример.example", "会計#例え.example", "a.b-c_d&e#x", "R\u0026D:2#localhost",
        "A#xn--bcher-kva.example", "A#3com.com", "\U0001F512#x.com"}) {
    EXPECT_FALSE(Refused(text)) << text;
  }
}

TEST(LabelName, RefusesCharactersThatExpressionsAndPathsNeed) {
  for (char c : std::string_view("+|()#@/\"'` \t\n\r\x01\x7F")) {
    EXPECT_TRUE(Refused(std::string("a") + c + "b#x.com")) << int{c};
  }
  EXPECT_TRUE(Refused(std::string_view("a\0b#x.com", 9)));
}

TEST(LabelName, RefusesWhatIsInvisibleOrHasNoAgreedMeaning) {
  for (const char* name :
       {"a\u00a0b", "a\u2003b", "a\u2028b", "a\u0085b", "a\u200bb", "a\u202eb", "a\u2066b",
        "a\ufeffb", "a\u00adb", "a\ue000b", "a\uffffb", "\u0301a", "\u201ca\u201d"}) {
    EXPECT_TRUE(Refused(std::string(name) + "#x.com")) << name;
  }
}

TEST(LabelName, RefusesACharacterThatComposesToAForbiddenOne) {
  EXPECT_TRUE(Refused("a\u1fef#x.com"));  // becomes a grave accent
}

TEST(LabelName, RefusesInvalidUtf8) {
  EXPECT_TRUE(Refused("a\xFF#x.com"));
  EXPECT_TRUE(Refused("a#x\xC0\x80.com"));
  EXPECT_TRUE(Refused("a\xED\xA0\x80#x.com"));
}

TEST(LabelName, BoundsTheLengths) {
  EXPECT_FALSE(Refused(std::string(128, 'a') + "#x"));
  EXPECT_TRUE(Refused(std::string(129, 'a') + "#x"));
  EXPECT_TRUE(Refused("#x"));
  EXPECT_TRUE(Refused("a#"));
  EXPECT_TRUE(Refused("a"));
  EXPECT_TRUE(Refused(""));
  std::string domain;
  for (int i = 0; i < 126; ++i) domain += "a.";
  EXPECT_FALSE(Refused("a#" + domain + "a"));
  EXPECT_TRUE(Refused("a#" + domain + "aa"));
  EXPECT_TRUE(Refused(std::string(100000, 'a') + "#x"));
}

TEST(LabelName, RefusesADomainThatIsNoHostName) {
  for (const char* domain :
       {".", ".x", "x.", "x..y", "-x", "x-", "x.-y", "x_y", "x y", "x:80", "x/y", "[::1]", "x#y",
        "x@y", "x+y", "x\u200dy", "x\u3002y", "\u0301x", "x\u00a9"}) {
    EXPECT_TRUE(Refused(std::string("a#") + domain)) << domain;
  }
  EXPECT_FALSE(Refused("a#" + std::string(63, 'x') + ".y"));
  EXPECT_TRUE(Refused("a#" + std::string(64, 'x') + ".y"));
}

TEST(LabelName, RefusesADomainWhoseLowerCaseIsDisputed) {
  // Folding would make two registrable hosts one: straße and strasse, for instance.
  for (const char* domain : {"stra\u00dfe.example", "\u03b2\u03cc\u03bb\u03bf\u03c2.example",
                             "\u0130stanbul.example", "\uff21.example", "x\ufb01.example"}) {
    EXPECT_TRUE(Refused(std::string("a#") + domain)) << domain;
  }
}

TEST(LabelName, CanonicalTextParsesToItself) {
  for (const char* text : {"A#X", "e\u0301@CAF\u00c9.Example", "\u1e9b\u0323#\u212a.x"}) {
    auto name = LabelName::Parse(text);
    ASSERT_TRUE(name) << text;
    EXPECT_EQ(*LabelName::Parse(name->text()), *name);
  }
}

TEST(AccountName, FollowsTheRulesOfLabels) {
  auto account = AccountName::Parse("Alice@Example.COM");
  ASSERT_TRUE(account);
  EXPECT_EQ(account->text(), "Alice@example.com");
  EXPECT_EQ(account->domain(), "example.com");
}

TEST(AccountName, RefusesLabelsAndLongNames) {
  for (const char* text : {"alice#example.com", "al#ice@example.com", "alice", "@example.com",
                           "alice@", "alice@x@y", "ali ce@x"}) {
    EXPECT_FALSE(AccountName::Parse(text)) << text;
  }
  EXPECT_TRUE(AccountName::Parse(std::string(64, 'a') + "@x"));
  EXPECT_FALSE(AccountName::Parse(std::string(65, 'a') + "@x"));
}

}  // namespace
}  // namespace recrypt
