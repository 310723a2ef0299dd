#include "core/json/jsonbcd.h"

#include <gtest/gtest.h>

#include <limits>

namespace recrypt {
namespace {

// Hex with spaces, and text in single quotes: "'[' A0 2A ']'".
Bytes Mixed(std::string_view text) {
  Bytes out;
  std::string hex;
  bool quoted = false;
  for (char c : text) {
    if (c == '\'') {
      quoted = !quoted;
    } else if (quoted) {
      out.push_back(static_cast<uint8_t>(c));
    } else if (c != ' ') {
      hex += c;
      if (hex.size() == 2) {
        Append(out, *HexDecode(hex));
        hex.clear();
      }
    }
  }
  return out;
}

Result<Json> Read(std::string_view mixed) { return ParseJsonBcd(Mixed(mixed)); }

std::string ReadText(std::string_view mixed) {
  auto value = Read(mixed);
  return value ? DumpJson(*value) : value.error().message;
}

std::string Refusal(std::string_view mixed) {
  auto value = Read(mixed);
  return value ? "accepted: " + DumpJson(*value) : value.error().message;
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// The examples of the draft, "JSON-B Examples" and "JSON-C Examples".
TEST(JsonBcdReader, ReadsTheIntegersOfTheDraft) {
  EXPECT_EQ(ReadText("A0 2A"), "42");
  EXPECT_EQ(ReadText("A1 00 2A"), "42");
  EXPECT_EQ(ReadText("A2 00 00 00 2A"), "42");
  EXPECT_EQ(ReadText("A3 00 00 00 00 00 00 00 2A"), "42");
}

TEST(JsonBcdReader, ReadsTheStringsOfTheDraft) {
  EXPECT_EQ(ReadText("80 05 48 65 6c 6c 6f"), "\"Hello\"");
  EXPECT_EQ(ReadText("81 00 05 48 65 6c 6c 6f"), "\"Hello\"");
  EXPECT_EQ(ReadText("84 05 48 65 6c 6c 6f 80 00"), "\"Hello\"");
}

TEST(JsonBcdReader, ReadsTheFloatsOfTheDraft) {
  EXPECT_EQ(ReadText("92 3f f0 00 00 00 00 00 00"), "1.0");
  EXPECT_EQ(ReadText("92 40 24 00 00 00 00 00 00"), "10.0");
  EXPECT_EQ(ReadText("92 40 09 21 fb 54 44 2e ea"), "3.14159265359");
  EXPECT_EQ(ReadText("92 bf f0 00 00 00 00 00 00"), "-1.0");
}

TEST(JsonBcdReader, ReadsTheAtomsOfTheDraft) {
  EXPECT_EQ(ReadText("B0"), "true");
  EXPECT_EQ(ReadText("B1"), "false");
  EXPECT_EQ(ReadText("B2"), "null");
}

TEST(JsonBcdReader, ReadsTheTagsOfTheDraft) {
  EXPECT_EQ(ReadText("'[' C8 20 80 05 'Hello' C4 21 80 05 'World' C0 20 C1 00 20 C2 00000021 ']'"),
            R"(["Hello","Hello","Hello","World"])");
}

TEST(JsonBcdReader, ReadsTagsOfEverySizeAsKeys) {
  EXPECT_EQ(ReadText("C5 01 00 80 01 'a' C6 00010000 80 01 'b'"
                     "'{' C1 01 00 A0 01 C2 00 01 00 00 ':' 'true' ',' CA 00 00 00 07 80 01 'c' B0"
                     "C9 00 08 80 01 'd' C0 07 '}'"),
            R"({"a":1,"b":true,"c":true,"d":"c"})");
}

TEST(JsonBcdReader, ReadsDataAsBase64Url) {
  EXPECT_EQ(ReadText("88 03 FF FE FD"), "\"__79\"");
  EXPECT_EQ(ReadText("89 00 01 00"), "\"AA\"");
  EXPECT_EQ(ReadText("8C 01 FF 8D 00 01 FE 8E 00000000 8F 0000000000000001 FD 88 00"), "\"__79\"");
  EXPECT_EQ(ReadText("8B 0000000000000000"), "\"\"");
}

TEST(JsonBcdReader, ReadsAStringWhoseChunksCutACharacter) {
  EXPECT_EQ(ReadText("84 01 C3 80 01 A9"), "\"\xC3\xA9\"");
}

TEST(JsonBcdReader, ReadsNegativeIntegersDownToTheSmallest) {
  EXPECT_EQ(ReadText("A8 2A"), "-42");
  EXPECT_EQ(ReadText("A9 01 00"), "-256");
  EXPECT_EQ(ReadText("AA 00 00 00 01"), "-1");
  EXPECT_EQ(ReadText("AB 80 00 00 00 00 00 00 00"), "-9223372036854775808");
  EXPECT_EQ(ReadText("A8 00"), "0");
  EXPECT_TRUE(Contains(Refusal("AB 80 00 00 00 00 00 00 01"), "below -2^63"));
}

TEST(JsonBcdReader, ReadsWiderIntegersOnlyWhenTheyFit64Bits) {
  EXPECT_EQ(ReadText("A4 0000000000000000 FFFFFFFFFFFFFFFF"), "18446744073709551615");
  EXPECT_EQ(ReadText("AC 0000000000000000 0000000000000005"), "-5");
  EXPECT_EQ(ReadText("A7 00 01 2A"), "42");
  EXPECT_EQ(ReadText("A7 00 0A 00 00 00 00 00 00 00 00 01 00"), "256");
  EXPECT_EQ(ReadText("AF 00 02 01 00"), "-256");
  EXPECT_TRUE(Contains(Refusal("A4 0000000000000001 0000000000000000"), "64 bits"));
  EXPECT_TRUE(Contains(Refusal("A7 00 09 01 00 00 00 00 00 00 00 00"), "64 bits"));
}

TEST(JsonBcdReader, ReadsShorterFloats) {
  EXPECT_EQ(ReadText("90 3C 00"), "1.0");
  EXPECT_EQ(ReadText("90 C0 00"), "-2.0");
  EXPECT_EQ(ReadText("90 7B FF"), "65504.0");
  EXPECT_EQ(*Read("90 00 01"), Json(5.9604644775390625e-8));
  EXPECT_EQ(*Read("91 3F C0 00 00"), Json(1.5));
}

TEST(JsonBcdReader, RefusesNumbersThatJsonCannotExpress) {
  EXPECT_TRUE(Contains(Refusal("92 7F F0 00 00 00 00 00 00"), "cannot express"));
  EXPECT_TRUE(Contains(Refusal("92 7F F8 00 00 00 00 00 00"), "cannot express"));
  EXPECT_TRUE(Contains(Refusal("91 FF 80 00 00"), "cannot express"));
  EXPECT_TRUE(Contains(Refusal("90 7C 01"), "cannot express"));
}

TEST(JsonBcdReader, ReadsTextAndBinaryItemsMixedWithAndWithoutSeparators) {
  EXPECT_EQ(ReadText("'{\"a\":' A0 01 '\"b\":2,' 80 01 'c' ':' '3' 80 01 'd' B0 '}'"),
            R"({"a":1,"b":2,"c":3,"d":true})");
  EXPECT_EQ(ReadText("'[1,' A0 02 ',' A0 03 '4,\"5\"' A0 06 ']'"), R"([1,2,3,4,"5",6])");
}

TEST(JsonBcdReader, ReadsTheOutputOfWritersWithoutAnySeparator) {
  EXPECT_EQ(ReadText("'[{' 80 01 'a' A0 01 '}{' 80 01 'b' '1.5' 80 01 'c' '[]}]'"),
            R"([{"a":1},{"b":1.5,"c":[]}])");
}

TEST(JsonBcdReader, HoldsPureJsonToItsCommasAndColons) {
  EXPECT_FALSE(Read("'[1 2]'"));
  EXPECT_FALSE(Read("'[[][]]'"));
  EXPECT_FALSE(Read("'{\"a\" 1}'"));
  EXPECT_FALSE(Read("'{\"a\"' A0 01 '}'"));
  EXPECT_FALSE(Read("'[' A0 01 ',]'"));
  EXPECT_FALSE(Read("'[,' A0 01 ']'"));
  EXPECT_FALSE(Read("'[' A0 01 ',,' A0 01 ']'"));
  EXPECT_FALSE(Read("'{' 80 01 'a' A0 01 ',}'"));
  EXPECT_FALSE(Read("'[' A0 01 '1 2]'"));
}

TEST(JsonBcdReader, RefusesEqualKeysInWhateverSpelling) {
  EXPECT_TRUE(Contains(Refusal("'{\"a\":1,' 80 01 'a' A0 02 '}'"), "twice"));
  EXPECT_TRUE(Contains(Refusal("'{' C8 01 80 01 'a' A0 02 C0 01 A0 03 '}'"), "twice"));
}

TEST(JsonBcdReader, RefusesWhatCannotBeAKey) {
  EXPECT_TRUE(Contains(Refusal("'{' 88 01 'a' A0 02 '}'"), "data where a key"));
  EXPECT_FALSE(Read("'{' A0 01 A0 02 '}'"));
  EXPECT_FALSE(Read("'{1:2}'"));
}

TEST(JsonBcdReader, RefusesDictionariesFramesAndUnknownCodesByName) {
  EXPECT_TRUE(Contains(Refusal("CC 20"), "dictionaries"));
  EXPECT_TRUE(Contains(Refusal("D0 00 00 01 00 00"), "dictionaries"));
  EXPECT_TRUE(Contains(Refusal("F0 01 00"), "frame"));
  for (const char* code : {"93", "94", "98"}) {
    EXPECT_TRUE(Contains(Refusal(code), "floating point")) << code;
  }
  for (const char* code :
       {"99", "9F", "A5", "A6", "AD", "B3", "B4", "BF", "C3", "C7", "CB", "D1", "E0", "EF"}) {
    EXPECT_TRUE(Contains(Refusal(std::string(code) + "00000000"), "unknown code") ||
                Contains(Refusal(std::string(code) + "00000000"), "dictionaries"))
        << code;
  }
}

TEST(JsonBcdReader, RefusesUndefinedAndRedefinedTagsAndTagsOfTags) {
  EXPECT_TRUE(Contains(Refusal("C0 20"), "undefined tag 32"));
  EXPECT_TRUE(Contains(Refusal("C4 20 80 00 C5 00 20 80 00 B0"), "second definition"));
  EXPECT_FALSE(Read("C4 20 80 00 C4 21 C0 20 B0"));
  EXPECT_FALSE(Read("C8 20 A0 01"));
  EXPECT_FALSE(Read("C4 20 80 00"));
}

TEST(JsonBcdReader, RefusesLengthsBeyondTheInput) {
  EXPECT_FALSE(Read("80 05 'Hell'"));
  EXPECT_FALSE(Read("83 FF FF FF FF FF FF FF FF 'Hello'"));
  EXPECT_FALSE(Read("8B 80 00 00 00 00 00 00 00"));
  EXPECT_FALSE(Read("A7 FF FF 01"));
  EXPECT_FALSE(Read("84 01 'a'"));
  EXPECT_FALSE(Read("84 01 'a' 88 01 'a'"));
  EXPECT_FALSE(Read("A3 00"));
}

TEST(JsonBcdReader, RefusesEveryTruncationOfAValue) {
  const Bytes whole = Mixed(
      "'[' C8 20 80 02 'ab' 8C 01 00 88 01 01 92 3ff0000000000000 'true,\"x\",' "
      "'{' 80 01 'k' A3 0000000000000001 '}]'");
  ASSERT_TRUE(ParseJsonBcd(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseJsonBcd(ByteSpan(whole).first(size))) << size;
  }
}

TEST(JsonBcdReader, RefusesStringsThatAreNotUtf8) {
  for (const char* text : {"80 01 FF", "80 02 C0 80", "80 03 ED A0 80", "80 02 E2 82",
                           "80 04 F4 90 80 80", "80 01 80", "84 01 C3 80 00"}) {
    EXPECT_TRUE(Contains(Refusal(text), "UTF-8")) << text;
  }
}

TEST(JsonBcdReader, RefusesTextBehindTheValue) {
  EXPECT_TRUE(Contains(Refusal("A0 01 A0 02"), "behind"));
  EXPECT_FALSE(Read("A0 01 00"));
  EXPECT_TRUE(Read("20 0A A0 01 20 0D 0A 09"));
}

TEST(JsonBcdReader, ReadsNestingOf64AndRefuses65) {
  const auto nested = [](size_t depth) {
    return "'" + std::string(depth, '[') + "' A0 01 '" + std::string(depth, ']') + "'";
  };
  EXPECT_TRUE(Read(nested(64)));
  EXPECT_TRUE(Contains(Refusal(nested(65)), "64"));
  EXPECT_FALSE(Read("'" + std::string(1000000, '[') + "'"));
}

TEST(JsonBcdReader, BoundsWhatTagsExpandTo) {
  Bytes bomb = Mixed("'[' C9 00 01 82 00 01 00 00");
  bomb.resize(bomb.size() + 65536, 'x');
  for (int i = 0; i < 100000; ++i) Append(bomb, Mixed("C0 01"));
  bomb.push_back(']');
  auto value = ParseJsonBcd(bomb);
  ASSERT_FALSE(value);
  EXPECT_TRUE(Contains(value.error().message, "too much"));
}

TEST(JsonBcdReader, ExpandsTheTagsOfAnOrdinaryTable) {
  Bytes table = Mixed("'[{' C8 01 80 0B 'description' A0 01 '}'");
  for (int i = 0; i < 10000; ++i) Append(table, Mixed("',{' C0 01 A0 02 '}'"));
  table.push_back(']');
  auto value = ParseJsonBcd(table);
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->size(), 10001u);
}

TEST(JsonBcdPrefix, LeavesWhatStandsBehindTheValueAlone) {
  const Bytes data = Mixed("20 '{' 80 01 'a' A0 01 '}' 88 05 00");
  auto prefix = ParseJsonBcdPrefix(data);
  ASSERT_TRUE(prefix);
  EXPECT_EQ(DumpJson(prefix->value), R"({"a":1})");
  EXPECT_EQ(prefix->size, 8u);
}

TEST(JsonBWriter, WritesTheShortestCodes) {
  const auto hex = [](const Json& value) { return HexEncode(EncodeJsonB(value)); };
  EXPECT_EQ(hex(42), "a02a");
  EXPECT_EQ(hex(256u), "a10100");
  EXPECT_EQ(hex(65536), "a200010000");
  EXPECT_EQ(hex(uint64_t{1} << 32), "a30000000100000000");
  EXPECT_EQ(hex(-1), "a801");
  EXPECT_EQ(hex(std::numeric_limits<int64_t>::min()), "ab8000000000000000");
  EXPECT_EQ(hex(1.0), "923ff0000000000000");
  EXPECT_EQ(hex(Json::array({true, false, nullptr})), "5bb0b1b25d");
  EXPECT_EQ(hex("Hello"), "800548656c6c6f");
  EXPECT_EQ(hex(Json{{"a", 1}}), "7b800161a0017d");
  EXPECT_EQ(hex(std::string(256, 'x')).substr(0, 8), "81010078");
  EXPECT_EQ(hex(Json::binary({1, 2})), "88020102");
}

TEST(JsonBWriter, SetsACommaBehindAStructureThatIsNotTheLast) {
  EXPECT_EQ(EncodeJsonB(*ParseJson("[[],{},1,[]]")), Mixed("'[[],{},' A0 01 '[]]'"));
  EXPECT_EQ(EncodeJsonB(*ParseJson(R"({"a":{},"b":1})")),
            Mixed("'{' 80 01 'a' '{},' 80 01 'b' A0 01 '}'"));
}

TEST(JsonBWriter, WritesOnlyWhatTheReaderTakes) {
  const Json odd = Json::array({std::numeric_limits<double>::infinity(), "a\xFFz"});
  auto back = ParseJsonBcd(EncodeJsonB(odd));
  ASSERT_TRUE(back);
  EXPECT_EQ(DumpJson(*back), "[null,\"a\xEF\xBF\xBDz\"]");
}

}  // namespace
}  // namespace recrypt
