// Texts that would do harm if they were more than text.
#include "world.h"

namespace recrypt {
namespace {

// Every text of every request, where SQL and paths would do harm if they were more than text.
TEST(HostileText, WithANulIsRefused) {
  World world;
  TestClient& c = world.alice_client;
  const std::string text("a\0b", 3);
  const auto status = [&](const Request& request) { return StatusIn(c.Call(request)).status; };
  GetRequest get;
  get.grants.push_back({text, NewEphemeral(), {}, {}});
  EXPECT_EQ(status(Request(get)), StatusCode::kInvalid);
  const std::string label = world.label.name();
  EXPECT_EQ(status(Request(SelectRequest{"", "Audit", label, text, "", "", 10})),
            StatusCode::kInvalid);
  EXPECT_EQ(
      status(Request(JoinRequest{"", label, world.alice.name.text(), world.alice.Jws(), text})),
      StatusCode::kInvalid);
  EXPECT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
}

TEST(HostileText, IsNothingButText) {
  World world;
  for (const std::string& text :
       {std::string("'; DROP TABLE audit; --"), std::string("\" OR 1=1 --"),
        std::string("x') UNION SELECT jws FROM profiles --"), std::string("../../etc/passwd"),
        std::string("%00%27"), std::string("\xF0\x9F\x94\x91"), std::string("$1 ?1 :x @x"),
        std::string(512, '\'')}) {
    TestClient& c = world.alice_client;
    for (const char* type : {"Profile", "KeySet", "Service", "Entry", "Secrets"}) {
      EXPECT_FALSE(Static(c, type, text).status.ok()) << type << " " << text;
    }
    EXPECT_FALSE(Static(c, text, "alice@example.com").status.ok());
    const GetResponse grant = c.Grant(text, {NewEphemeral()});
    EXPECT_EQ(grant.grants.at(0).status.reason, "no-entry");
    UserRecord user = world.label.User(world.carol);
    user.label = text;
    EXPECT_FALSE(c.SetUser(user).ok());
    user = world.label.User(world.carol);
    user.account = text;
    EXPECT_FALSE(c.SetUser(user).ok());
    using Kind = DeleteRequest::Kind;
    for (const DeleteRequest& one :
         {DeleteRequest{"", Kind::kUser, text, text, text},
          DeleteRequest{"", Kind::kUser, world.label.name(), text, ""},
          DeleteRequest{"", Kind::kUser, world.label.name(), "bob@example.net", text},
          DeleteRequest{"", Kind::kKeySet, text, "", ""},
          DeleteRequest{"", Kind::kDevice, "", text, text},
          DeleteRequest{"", Kind::kDevice, "", "alice@example.com", text}}) {
      EXPECT_FALSE(StatusIn(c.Call(Request(one))).ok()) << text;
    }
    for (const char* type : {"Labels", "Members", "Entries", "Audit", "Joins"}) {
      EXPECT_TRUE(
          StatusIn(c.Call(Request(SelectRequest{"", type, world.label.name(), text, text, "", 10})))
              .ok());
      EXPECT_EQ(StatusIn(c.Call(Request(SelectRequest{"", type, text, "", "", "", 10}))).ok(),
                std::string(type) == "Labels");
    }
    (void)c.Call(Request(SelectRequest{"", "Members", world.label.name(), "", "", text, 10}));
    EXPECT_FALSE(StatusIn(c.Call(Request(LeaveRequest{"", text}))).ok());
    EXPECT_FALSE(
        StatusIn(c.Call(Request(JoinRequest{"", text, text, world.alice.Jws(), text}))).ok());
  }
  EXPECT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  SelectRequest audit{"", "Audit", world.label.name(), "", "", "", 1000};
  const Response records = world.alice_client.Call(Request(audit));
  EXPECT_GE(std::get<SelectResponse>(records).items.size(), 3u);
}

}  // namespace
}  // namespace recrypt
