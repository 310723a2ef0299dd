#include "core/json/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace recrypt {
namespace {

std::string Nested(int depth) {
  const auto count = static_cast<size_t>(depth);
  return std::string(count, '[') + std::string(count, ']');
}

TEST(ParseJson, ReadsEveryKindOfValue) {
  auto value = ParseJson(R"( {"a":[1,-2,2.5,true,false,null,"x\u00e9"],"b":{}} )");
  ASSERT_TRUE(value);
  EXPECT_EQ(DumpJson(*value), "{\"a\":[1,-2,2.5,true,false,null,\"x\xC3\xA9\"],\"b\":{}}");
}

TEST(ParseJson, ReadsAScalarAsAWholeText) {
  EXPECT_EQ(*ParseJson("7"), Json(7));
  EXPECT_EQ(*ParseJson("\"x\""), Json("x"));
}

TEST(ParseJson, RefusesADuplicateKeyAtAnyLevelAndNamesIt) {
  auto value = ParseJson(R"({"a":{"role":1,"x":2,"role":3}})");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, ErrorCode::kInvalid);
  EXPECT_NE(value.error().message.find("\"role\""), std::string::npos);
  EXPECT_FALSE(ParseJson(R"([{"a":1,"a":1}])"));
}

TEST(ParseJson, RefusesADuplicateKeyThatIsSpelledWithAnEscape) {
  EXPECT_FALSE(ParseJson(R"({"a":1,"\u0061":2})"));
}

TEST(ParseJson, AcceptsAnEqualKeyInAnotherObject) {
  EXPECT_TRUE(ParseJson(R"({"a":{"a":1},"b":[{"a":2},{"a":3}]})"));
}

TEST(ParseJson, ReadsNestingOf64AndRefuses65) {
  EXPECT_TRUE(ParseJson(Nested(64)));
  EXPECT_FALSE(ParseJson(Nested(65)));
}

TEST(ParseJson, RefusesNestingOfAMillionWithoutExhaustingTheStack) {
  EXPECT_FALSE(ParseJson(Nested(1000000)));
  EXPECT_FALSE(ParseJson(std::string(1000000, '[')));
}

TEST(ParseJson, RefusesTextBehindTheValue) {
  EXPECT_FALSE(ParseJson("{} {}"));
  EXPECT_FALSE(ParseJson("1,"));
}

TEST(ParseJson, RefusesANulOutsideOfAnEscape) {
  EXPECT_FALSE(ParseJson(std::string_view("{}\0", 3)));
  EXPECT_FALSE(ParseJson(std::string_view("{}\0garbage", 10)));
  EXPECT_FALSE(ParseJson(std::string_view("\"a\0b\"", 5)));
}

TEST(ParseJson, AcceptsAnEscapedNul) {
  EXPECT_EQ(*ParseJson(R"("a\u0000b")"), Json(std::string("a\0b", 3)));
}

TEST(ParseJson, RefusesInvalidUtf8LoneSurrogatesAndAByteOrderMark) {
  EXPECT_FALSE(ParseJson("\"\xFF\""));
  EXPECT_FALSE(ParseJson("\"\xC0\x80\""));
  EXPECT_FALSE(ParseJson(R"("\ud800")"));
  EXPECT_FALSE(ParseJson(R"("\udc00x")"));
  EXPECT_FALSE(ParseJson("\xEF\xBB\xBF{}"));
}

TEST(ParseJson, DoesNotQuoteTheInputInItsErrors) {
  auto value = ParseJson(R"({"d":"secret"x})");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message.find("secret"), std::string::npos);
  EXPECT_NE(value.error().message.find("byte"), std::string::npos);
}

TEST(DumpJson, ReplacesWhatIsNotUtf8InsteadOfThrowing) {
  EXPECT_EQ(DumpJson(Json("a\xFFz")), "\"a\xEF\xBF\xBDz\"");
}

class Members : public testing::Test {
 protected:
  const Json object_ = *ParseJson(R"({"s":"text","n":7,"m":-7,"big":18446744073709551615,"f":1.5,
      "t":true,"o":{},"a":[],"z":null,"b":"AAEC","bad":"AAE="})");
};

TEST_F(Members, AreReadByType) {
  EXPECT_EQ(*GetString(object_, "s"), "text");
  EXPECT_EQ(*GetUint(object_, "n"), 7u);
  EXPECT_EQ(*GetInt(object_, "m"), -7);
  EXPECT_EQ(*GetUint(object_, "big"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(*GetBool(object_, "t"), true);
  EXPECT_EQ(*GetObject(object_, "o"), &object_.at("o"));
  EXPECT_EQ(*GetArray(object_, "a"), &object_.at("a"));
  EXPECT_EQ(*GetBytes(object_, "b"), (Bytes{0, 1, 2}));
}

TEST_F(Members, OfAnotherTypeAreRefusedByName) {
  EXPECT_FALSE(GetString(object_, "n"));
  EXPECT_FALSE(GetUint(object_, "m"));
  EXPECT_FALSE(GetUint(object_, "f"));
  EXPECT_FALSE(GetInt(object_, "big"));
  EXPECT_FALSE(GetInt(object_, "s"));
  EXPECT_FALSE(GetBool(object_, "n"));
  EXPECT_FALSE(GetObject(object_, "a"));
  EXPECT_FALSE(GetArray(object_, "o"));
  EXPECT_FALSE(GetBytes(object_, "bad"));
  EXPECT_NE(GetString(object_, "n").error().message.find("\"n\""), std::string::npos);
}

TEST_F(Members, ThatAreAbsentOrNullAreNotFound) {
  EXPECT_EQ(FindMember(object_, "none"), nullptr);
  EXPECT_EQ(FindMember(object_, "z"), nullptr);
  EXPECT_EQ(FindMember(Json(7), "s"), nullptr);
  EXPECT_EQ(GetString(object_, "none").error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(GetString(Json::array(), "s"));
}

TEST_F(Members, AreReadFromIntegersOfEitherSignedness) {
  EXPECT_EQ(*GetUint(Json{{"x", 5}}, "x"), 5u);
  EXPECT_EQ(*GetInt(Json{{"x", 5u}}, "x"), 5);
}

}  // namespace
}  // namespace recrypt
