#include "client/meeting_code.h"

#include <gtest/gtest.h>

namespace recrypt {
namespace {

TEST(MeetingCode, IsReadAsPeopleTypeIt) {
  const MeetingCode code = MeetingCode::Generate();
  EXPECT_EQ(code.text().size(), 19u);
  EXPECT_EQ(MeetingCode::Parse(code.text()).value().text(), code.text());
  EXPECT_EQ(MeetingCode::Parse(" krq7 wbi2 5xna mcpz\r").value().text(), "KRQ7-WBI2-5XNA-MCPZ");
  for (const char* text : {"", "KRQ7", "KRQ7-WBI2-5XNA-MCP1", "KRQ7-WBI2-5XNA-MCPZA"}) {
    EXPECT_FALSE(MeetingCode::Parse(text)) << text;
  }
}

TEST(MeetingCode, OpensWhatItSealedForTheSamePurposeAlone) {
  const MeetingCode code = MeetingCode::Generate(), other = MeetingCode::Generate();
  const Json sealed = code.Seal("offer", {{"account", "alice@example.com"}});
  EXPECT_EQ(code.Open("offer", sealed).value()["account"], "alice@example.com");
  EXPECT_EQ(code.Open("answer", sealed).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(other.Open("offer", sealed).error().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(code.Open("offer", Json::object()));
  EXPECT_EQ(sealed.dump().find("alice"), std::string::npos);
}

TEST(MeetingCode, WhatFollowsFromItOpensNothingOfIts) {
  const MeetingCode code = MeetingCode::Generate();
  const MeetingCode channel = code.Follow("channel");
  EXPECT_EQ(channel.text(), code.Follow("channel").text());
  EXPECT_NE(channel.text(), code.text());
  EXPECT_FALSE(channel.Open("parcel", code.Seal("parcel", Json::object())));
}

}  // namespace
}  // namespace recrypt
