#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "core/json/jsonbcd.h"

namespace recrypt {
namespace {

// Any code points but surrogates, U+0000 and what does not fit the basic plane included.
rc::Gen<std::string> AnyText() {
  const auto code_point =
      rc::gen::oneOf(rc::gen::inRange<uint32_t>(0, 0x80), rc::gen::inRange<uint32_t>(0x80, 0xD800),
                     rc::gen::inRange<uint32_t>(0xE000, 0x110000));
  return rc::gen::map(rc::gen::container<std::vector<uint32_t>>(code_point),
                      [](const std::vector<uint32_t>& codes) {
                        std::string text;
                        const auto add = [&text](uint32_t byte) {
                          text += static_cast<char>(byte);
                        };
                        for (uint32_t code : codes) {
                          if (code < 0x80) {
                            add(code);
                          } else if (code < 0x800) {
                            add(0xC0 | code >> 6);
                          } else if (code < 0x10000) {
                            add(0xE0 | code >> 12);
                          } else {
                            add(0xF0 | code >> 18);
                          }
                          if (code >= 0x10000) add(0x80 | (code >> 12 & 0x3F));
                          if (code >= 0x800) add(0x80 | (code >> 6 & 0x3F));
                          if (code >= 0x80) add(0x80 | (code & 0x3F));
                        }
                        return text;
                      });
}

Json AnyJson(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 8 : 6)) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return *rc::gen::arbitrary<uint64_t>() >> *rc::gen::inRange(0, 64);
    case 3:
      return *rc::gen::arbitrary<int64_t>() >> *rc::gen::inRange(0, 64);
    case 4:
      return *rc::gen::suchThat<double>([](double value) { return std::isfinite(value); });
    case 5:
      return *AnyText();
    case 6: {
      Json array = Json::array();
      for (int left = *rc::gen::inRange(0, 5); left > 0; --left) {
        array.push_back(AnyJson(depth - 1));
      }
      return array;
    }
    default: {
      Json object = Json::object();
      for (int left = *rc::gen::inRange(0, 5); left > 0; --left) {
        object[*AnyText()] = AnyJson(depth - 1);
      }
      return object;
    }
  }
}

RC_GTEST_PROP(JsonB, DecodingGivesBackWhatWasEncoded, ()) {
  const Json value = AnyJson(4);
  const auto back = ParseJsonBcd(EncodeJsonB(value));
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == value);
}

RC_GTEST_PROP(JsonB, JsonTextReadsTheSameInBothReaders, ()) {
  const Json value = AnyJson(4);
  const std::string text = DumpJson(value);
  const auto json = ParseJson(text);
  const auto bcd = ParseJsonBcd(AsBytes(text));
  RC_ASSERT(json.has_value() && bcd.has_value());
  RC_ASSERT(*json == value && *bcd == value);
}

RC_GTEST_PROP(JsonB, APrefixEndsWhereTheValueDoes, ()) {
  Bytes data = EncodeJsonB(Json::array({AnyJson(2)}));
  const size_t size = data.size();
  Append(data, *rc::gen::arbitrary<Bytes>());
  const auto prefix = ParseJsonBcdPrefix(data);
  RC_ASSERT(prefix.has_value());
  RC_ASSERT(prefix->size == size);
}

RC_GTEST_PROP(JsonB, DamagedInputIsReadOrRefusedAndNeverWorse, ()) {
  Bytes data = EncodeJsonB(AnyJson(3));
  for (int left = *rc::gen::inRange(1, 4); left > 0; --left) {
    data[*rc::gen::inRange<size_t>(0, data.size())] = *rc::gen::arbitrary<uint8_t>();
  }
  const auto value = ParseJsonBcd(data);
  RC_SUCCEED_IF(!value.has_value());
  RC_ASSERT(ParseJsonBcd(EncodeJsonB(*value)).has_value());
}

}  // namespace
}  // namespace recrypt
