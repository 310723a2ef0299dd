#include "core/escrow/share_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>

namespace recrypt {
namespace {

using testing::HasSubstr;

std::string Example() {
  return FormatShare({ParseShareUdf("SAYCUW4N56UIVTTZ62UNJ6FPETD3O").value(), "KRQ"});
}

TEST(ShareText, StartsWithTheSharesUdfAndEndsWithAGroup) {
  const std::string text = Example();
  EXPECT_THAT(text, testing::StartsWith("SAYC-UW4N-56UI-VTTZ-62UN-J6FP-ETD3-OKRQ-"));
  EXPECT_EQ(text.size(), 44u);
  const EscrowShare share = ParseShare(text).value();
  EXPECT_EQ(share.set, "KRQ");
  EXPECT_EQ(share.share.threshold, 3u);
  EXPECT_EQ(ShareUdf(share.share), "SAYCUW4N56UIVTTZ62UNJ6FPETD3O");
}

TEST(ShareText, IsTakenAsPeopleTypeIt) {
  std::string text = Example();
  for (char& c : text) {
    c = c == '-' ? ' ' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (c == 'o') c = '0';
    if (c == 'b') c = '8';
    if (c == 'i') c = '1';
  }
  const auto share = ParseShare("  " + text + "\r");
  ASSERT_TRUE(share) << share.error().message;
  EXPECT_EQ(FormatShare(*share), Example());
}

TEST(ShareText, EveryWrongCharacterIsNoticed) {
  const std::string text = Example();
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '-') continue;
    for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")) {
      if (c == text[at]) continue;
      std::string wrong = text;
      wrong[at] = c;
      const auto share = ParseShare(wrong);
      ASSERT_FALSE(share) << wrong;
      EXPECT_THAT(share.error().message, HasSubstr("mistyped"));
    }
  }
}

TEST(ShareText, SwappedNeighboursAreNoticed) {
  const std::string text = Example();
  for (size_t at = 0; at + 1 < text.size(); ++at) {
    std::string wrong = text;
    std::swap(wrong[at], wrong[at + 1]);
    const bool same = text[at] == text[at + 1] || text[at] == '-' || text[at + 1] == '-';
    EXPECT_EQ(ParseShare(wrong).has_value(), same) << wrong;
  }
}

TEST(ShareText, SaysWhatIsWrongWithIt) {
  EXPECT_THAT(ParseShare("").error().message, HasSubstr("36 characters"));
  EXPECT_THAT(ParseShare(Example().substr(1)).error().message, HasSubstr("found: 35"));
  EXPECT_THAT(ParseShare(Example() + "9").error().message, HasSubstr("digits 2 to 7"));
}

TEST(SetName, IsOfThreeCharacters) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(IsSetName(RandomSetName()));
  for (const char* text : {"", "AB", "ABCD", "AB1", "ab2", "A-B"}) EXPECT_FALSE(IsSetName(text));
}

}  // namespace
}  // namespace recrypt
