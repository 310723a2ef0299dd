// Delete, Select, Join and Leave (docs/PROTOCOL.md, 3).
#include "world.h"

namespace recrypt {
namespace {

using Kind = DeleteRequest::Kind;

ResponseStatus Select(TestClient& client, const std::string& type, const std::string& label,
                      Json* items = nullptr, std::string* next = nullptr, uint32_t limit = 100,
                      const std::string& after = "") {
  const Response response =
      client.Call(Request(SelectRequest{"", type, label, "", "", after, limit}));
  if (const auto* page = std::get_if<SelectResponse>(&response)) {
    if (items != nullptr) *items = page->items;
    if (next != nullptr) *next = page->next;
  }
  return StatusIn(response);
}

TEST(Delete, OfAMemberTellsWhenTheLastLeaseEnds) {
  World world;
  const int64_t before = world.service.clock.NowSeconds();
  ASSERT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  const int64_t after = world.service.clock.NowSeconds();
  const Response response = world.alice_client.Call(
      Request(DeleteRequest{"", Kind::kUser, world.label.name(), "bob@example.net", ""}));
  const int64_t until = ParseTime(std::get<DeleteResponse>(response).until).value();
  EXPECT_GE(until, before + 900);
  EXPECT_LE(until, after + 900);
}

TEST(Delete, OfAMemberThatIsNoneIsNotFound) {
  World world;
  const Response response = world.alice_client.Call(
      Request(DeleteRequest{"", Kind::kUser, world.label.name(), "carol@example.net", ""}));
  EXPECT_EQ(StatusIn(response).status, StatusCode::kNotFound);
}

TEST(Delete, OfOneDeviceLeavesTheOthers) {
  World world;
  TestAccount tablet("bob@example.net");
  tablet.master = world.bob.master;
  ASSERT_TRUE(world.alice_client.SetUser(world.label.User(tablet)).ok());
  TestClient tablet_client(world.service, tablet.sign);
  ASSERT_TRUE(
      StatusIn(world.alice_client.Call(Request(DeleteRequest{
                   "", Kind::kUser, world.label.name(), "bob@example.net", tablet.DeviceUdf()})))
          .ok());
  EXPECT_EQ(tablet_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.reason,
            "revoked");
  EXPECT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
}

TEST(Delete, OfAnythingByANonAdministratorIsRefused) {
  World world;
  for (const Kind kind : {Kind::kUser, Kind::kKeySet}) {
    const Response response = world.bob_client.Call(
        Request(DeleteRequest{"", kind, world.label.name(), "bob@example.net", ""}));
    EXPECT_EQ(StatusIn(response).reason, "not-administrator");
  }
  EXPECT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
}

TEST(Delete, WithoutAnAccountRevokesNothing) {
  World world;
  EXPECT_FALSE(
      ParseRequest({{"Delete", {{"User", {{"Label", world.label.name()}, {"Account", ""}}}}}}));
  const Response response =
      world.alice_client.Call(Request(DeleteRequest{"", Kind::kUser, world.label.name(), "", ""}));
  EXPECT_EQ(StatusIn(response).status, StatusCode::kInvalid);
  EXPECT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
}

TEST(Delete, OfALabelEndsItsGrantsAndKeepsItsName) {
  World world;
  ASSERT_TRUE(StatusIn(world.alice_client.Call(
                           Request(DeleteRequest{"", Kind::kKeySet, world.label.name(), "", ""})))
                  .ok());
  EXPECT_FALSE(
      world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  TestAccount dora("dora@example.com");
  TestClient dora_client(world.service, dora.sign);
  ASSERT_TRUE(dora_client.Register(dora).ok());
  TestLabel taken(world.label.name(), dora, world.service);
  taken.profile.version.version = 2;
  EXPECT_EQ(dora_client.SetLabel(taken, dora).reason, "exists");
  world.label.profile.version.version = 2;
  EXPECT_TRUE(world.alice_client.SetLabel(world.label, world.alice).ok());
  EXPECT_EQ(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.reason,
            "revoked");
}

TEST(Delete, OfADeviceRevokesItsEntriesForGoodAndEndsItsSessions) {
  World world;
  TestAccount tablet("bob@example.net");
  tablet.master = world.bob.master;
  ASSERT_TRUE(world.alice_client.SetUser(world.label.User(tablet)).ok());
  TestClient tablet_client(world.service, tablet.sign);
  ASSERT_TRUE(tablet_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  // By another device of the account.
  const Response response = world.bob_client.Call(
      Request(DeleteRequest{"", Kind::kDevice, "", "bob@example.net", tablet.DeviceUdf()}));
  ASSERT_EQ(StatusIn(response).status, StatusCode::kUpdated);
  const HttpAnswer ended = tablet_client.Send(tablet_client.Sign("{}"));
  EXPECT_EQ(tablet_client.StatusOfAnswer(ended).reason, "session");
  tablet_client.Hello();
  EXPECT_EQ(tablet_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.reason,
            "revoked");
  EXPECT_FALSE(world.alice_client.SetUser(world.label.User(tablet)).ok());
}

TEST(Delete, OfADeviceOfAnotherAccountIsRefused) {
  World world;
  const Response response = world.carol_client.Call(
      Request(DeleteRequest{"", Kind::kDevice, "", "bob@example.net", world.bob.DeviceUdf()}));
  EXPECT_EQ(StatusIn(response).reason, "policy");
}

TEST(Delete, OfADeviceThatSomebodyElseListsTooRevokesTheirEntriesAlone) {
  World world;
  // mallory lists bob's key as one of her own devices, and drops it.
  TestAccount mallory("mallory@example.com");
  mallory.more_devices = {{"stolen", world.bob.sign.public_key(), world.bob.encrypt.public_key()}};
  TestClient client(world.service, mallory.sign);
  ASSERT_TRUE(client.Register(mallory).ok());
  mallory.more_devices.clear();
  mallory.version = 2;
  ASSERT_TRUE(client.Register(mallory).ok());
  world.bob_client.Hello();
  EXPECT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
}

TEST(Select, ShowsMembersAndEntriesToAdministratorsAlone) {
  World world;
  Json items;
  ASSERT_TRUE(Select(world.alice_client, "Members", world.label.name(), &items).ok());
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0]["Account"], "bob@example.net");
  EXPECT_EQ(items[0]["Devices"], Json::array({world.bob.DeviceUdf()}));
  ASSERT_TRUE(Select(world.alice_client, "Entries", world.label.name(), &items).ok());
  EXPECT_EQ(items[0]["Key"], world.label.Kid());
  for (const char* type : {"Members", "Entries", "Audit", "Joins"}) {
    EXPECT_EQ(Select(world.bob_client, type, world.label.name()).reason, "not-administrator");
    EXPECT_EQ(Select(world.carol_client, type, world.label.name()).reason, "not-administrator");
  }
}

TEST(Select, ToAnAdministratorOfAnotherLabelIsRefused) {
  World world;
  TestAccount dora("dora@example.com");
  TestClient client(world.service, dora.sign);
  ASSERT_TRUE(client.Register(dora).ok());
  ASSERT_TRUE(client.SetLabel(TestLabel("Other#example.com", dora, world.service), dora).ok());
  EXPECT_EQ(Select(client, "Members", world.label.name()).reason, "not-administrator");
}

TEST(Select, ListsTheLabelsOfADevice) {
  World world;
  Json items;
  ASSERT_TRUE(Select(world.alice_client, "Labels", "", &items).ok());
  EXPECT_EQ(
      items,
      Json::array({{{"Label", world.label.name()}, {"Member", false}, {"Administrator", true}}}));
  ASSERT_TRUE(Select(world.bob_client, "Labels", "", &items).ok());
  EXPECT_EQ(
      items,
      Json::array({{{"Label", world.label.name()}, {"Member", true}, {"Administrator", false}}}));
  ASSERT_TRUE(Select(world.carol_client, "Labels", "", &items).ok());
  EXPECT_TRUE(items.empty());
}

TEST(Select, GoesOnPageByPage) {
  World world;
  std::vector<std::string> accounts = {"bob@example.net"};
  for (int i = 0; i < 5; ++i) {
    const TestAccount one("member" + std::to_string(i) + "@example.net");
    ASSERT_TRUE(world.alice_client.SetUser(world.label.User(one)).ok());
    accounts.push_back(one.name.text());
  }
  for (const std::string type : {"Members", "Entries"}) {
    std::vector<std::string> found;
    std::string after;
    do {
      Json items;
      std::string next;
      ASSERT_TRUE(
          Select(world.alice_client, type, world.label.name(), &items, &next, 2, after).ok());
      ASSERT_LE(items.size(), 2u);
      for (const Json& item : items) found.push_back(item["Account"]);
      after = next;
    } while (!after.empty());
    EXPECT_EQ(found, accounts) << type;
  }
  EXPECT_EQ(
      Select(world.alice_client, "Audit", world.label.name(), nullptr, nullptr, 2, "x").status,
      StatusCode::kInvalid);
}

TEST(Select, GivesAuditRecordsThatHashAsTheySay) {
  World world;
  Json items;
  ASSERT_TRUE(Select(world.alice_client, "Audit", world.label.name(), &items).ok());
  ASSERT_EQ(items.size(), 2u);
  Sha256Digest before{};
  const std::string hash = items[0]["hash"];
  std::copy_n(Base64UrlDecode(hash)->begin(), 32, before.begin());
  Json record = items[1];
  EXPECT_EQ(record["previous"], hash);
  record.erase("hash");
  record.erase("previous");
  EXPECT_EQ(items[1]["hash"], Base64UrlEncode(AuditHash(before, DumpJson(record))));
  EXPECT_EQ(record["event"], "set-entry");
}

TEST(Join, IsSeenByAdministratorsUntilTheyDecide) {
  World world;
  const JoinRequest join{"", world.label.name(), "carol@example.net", world.carol.Jws(), "please"};
  ASSERT_TRUE(StatusIn(world.carol_client.Call(Request(join))).ok());
  Json items;
  ASSERT_TRUE(Select(world.alice_client, "Joins", world.label.name(), &items).ok());
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0]["Message"], "please");
  EXPECT_TRUE(VerifyProfile(items[0]["Profile"]));
  ASSERT_TRUE(world.alice_client.SetUser(world.label.User(world.carol)).ok());
  ASSERT_TRUE(Select(world.alice_client, "Joins", world.label.name(), &items).ok());
  EXPECT_TRUE(items.empty());
}

TEST(Join, CanBeTurnedDown) {
  World world;
  const JoinRequest join{"", world.label.name(), "carol@example.net", world.carol.Jws(), ""};
  ASSERT_TRUE(StatusIn(world.carol_client.Call(Request(join))).ok());
  EXPECT_TRUE(StatusIn(world.alice_client.Call(Request(DeleteRequest{
                           "", Kind::kUser, world.label.name(), "carol@example.net", ""})))
                  .ok());
  Json items;
  ASSERT_TRUE(Select(world.alice_client, "Joins", world.label.name(), &items).ok());
  EXPECT_TRUE(items.empty());
}

TEST(Join, InAnothersNameOrForNoLabelIsRefused) {
  World world;
  const auto ask = [&](const JoinRequest& join) {
    return StatusIn(world.carol_client.Call(Request(join))).status;
  };
  EXPECT_EQ(ask({"", world.label.name(), "bob@example.net", world.bob.Jws(), ""}),
            StatusCode::kInvalid);
  EXPECT_EQ(ask({"", world.label.name(), "bob@example.net", world.carol.Jws(), ""}),
            StatusCode::kInvalid);
  EXPECT_EQ(ask({"", "Nothing#example.com", "carol@example.net", world.carol.Jws(), ""}),
            StatusCode::kNotFound);
}

TEST(Leave, RevokesTheAccountsOwnEntries) {
  World world;
  ASSERT_TRUE(StatusIn(world.bob_client.Call(Request(LeaveRequest{"", world.label.name()}))).ok());
  EXPECT_EQ(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.reason,
            "revoked");
  EXPECT_EQ(StatusIn(world.bob_client.Call(Request(LeaveRequest{"", world.label.name()}))).status,
            StatusCode::kNotFound);
}

TEST(Request, ForAnotherDomainInPortalIsRefused) {
  World world;
  for (Request request :
       {Request(GetRequest{"example.net", {{"Profile", "alice@example.com"}}, {}}),
        Request(LeaveRequest{"example.net", world.label.name()}),
        Request(SelectRequest{"example.net", "Labels", "", "", "", "", 1})}) {
    EXPECT_EQ(StatusIn(world.bob_client.Call(request)).status, StatusCode::kInvalid);
  }
}

}  // namespace
}  // namespace recrypt
