// Several processes that serve from one PostgreSQL database, here as several servers, and what
// becomes of them when it goes away.
#include <array>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "postgres.h"
#include "service/audit.h"
#include "service/key_rotation.h"
#include "service/postgres_connection.h"
#include "service/shared_sessions.h"
#include "world.h"

namespace recrypt {
namespace {

class InstancesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!TestPostgres::IsInstalled()) GTEST_SKIP() << "PostgreSQL is not installed";
    config.store = TestPostgres::Get().NewDatabase();
    config.domain = "example.com";
    config.listen = "127.0.0.1:0";
    config.self_signed = true;
    config.threads = 2;
    config.log_level = "off";
    for (const char* name : {"one", "two"}) servers.push_back(Start(name));
    world.emplace(*this);
  }

  std::string StateOf(const std::string& name) const { return folder.path() + "/" + name; }

  Result<std::unique_ptr<Server>> TryToStart(const std::string& name) {
    ServerConfig own = config;
    own.state = StateOf(name);
    if (!servers.empty() && !std::filesystem::exists(own.state)) {
      std::filesystem::copy(StateOf("one"), own.state);
    }
    return Server::Start(own, clock);
  }
  std::unique_ptr<Server> Start(const std::string& name) {
    auto started = TryToStart(name);
    if (!started) ADD_FAILURE() << started.error().message;
    return std::move(*started);
  }

  // The client of a device, at one of the servers.
  TestClient At(size_t server, const PrivateKey& device) const {
    return {config.domain, servers.at(server)->address(), StateOf("one") + "/tls.crt", device};
  }
  // Under the session of another client.
  static void Share(const TestClient& from, TestClient& to) {
    to.keys.emplace(SessionKeys{from.keys->request.Clone(), from.keys->response.Clone()});
    to.session_id = from.session_id;
    to.sequence = from.sequence;
  }
  Result<AuditHead> Verify() const {
    RECRYPT_ASSIGN(const auto store, OpenStoreReadOnly({StateOf("one"), config.store}));
    return VerifyAudit(*store);
  }

  // alice, who has given bob a label.
  struct People {
    explicit People(InstancesTest& test) : label(NewLabel(alice, test)) {
      TestClient client = test.At(0, alice.sign);
      EXPECT_TRUE(client.Register(alice).ok());
      EXPECT_TRUE(client.SetLabel(label, alice).ok());
      EXPECT_TRUE(client.SetUser(label.User(bob)).ok());
    }
    static TestLabel NewLabel(const TestAccount& owner, InstancesTest& test) {
      PrivateKey master = PrivateKey::Generate(Curve::kEd25519);
      PrivateKey key = PrivateKey::Generate(Curve::kX25519);
      const int64_t now = SystemClock().NowSeconds();
      const Principal principal{owner.name, owner.Udf()};
      LabelProfile profile{{1, now, now + 86400},
                           LabelName::Parse("A#example.com").value(),
                           master.public_key(),
                           principal,
                           {principal},
                           1,
                           key.public_key(),
                           {},
                           {{test.config.domain, test.servers.at(0)->fingerprint()}},
                           {}};
      return {std::move(profile), std::move(master), std::move(key),
              test.servers.at(0)->keys().encrypt.public_key()};
    }

    TestAccount alice{"alice@example.com"};
    TestAccount bob{"bob@example.net"};
    TestLabel label;
  };

  ServerConfig config;
  TestClock clock;
  TestFolder folder;
  std::vector<std::unique_ptr<Server>> servers;
  std::optional<People> world;
};

std::string LabelsBody() {
  SelectRequest select;
  select.type = "Labels";
  return DumpJson(ToJson(Request(select)));
}

TEST_F(InstancesTest, ASessionHoldsAtAllOfThem) {
  TestClient one = At(0, world->bob.sign);
  EXPECT_TRUE(one.Grant(world->label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  TestClient two = At(1, world->bob.sign);
  Share(one, two);
  EXPECT_TRUE(two.Grant(world->label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  EXPECT_EQ(two.session_id, one.session_id);
}

TEST_F(InstancesTest, WhatOneHasTakenNoOtherTakesAgain) {
  TestClient one = At(0, world->bob.sign);
  one.Hello();
  TestClient two = At(1, world->bob.sign);
  Share(one, two);
  for (const uint64_t sequence : {1, 2, 2000, 1999, 977, 5000, 4999}) {
    const TestClient::Raw raw = one.Sign(LabelsBody(), {"", 0, sequence, false});
    EXPECT_EQ(one.Send(raw).status, 201) << sequence;
    for (TestClient* client : {&two, &one}) {
      const HttpAnswer again = client->Send(raw);
      EXPECT_EQ(again.status, 401) << sequence;
      EXPECT_EQ(client->StatusOfAnswer(again).reason, "stale") << sequence;
    }
  }
  // Below the window, which has moved on elsewhere.
  EXPECT_EQ(two.Send(two.Sign(LabelsBody(), {"", 0, 3976, false})).status, 401);
  EXPECT_EQ(two.Send(two.Sign(LabelsBody(), {"", 0, 3977, false})).status, 201);
}

TEST_F(InstancesTest, OfTheSameRequestAtTheSameTimeOneIsTaken) {
  TestClient one = At(0, world->bob.sign);
  one.Hello();
  for (int round = 0; round < 20; ++round) {
    const TestClient::Raw raw = one.Sign(LabelsBody());
    std::atomic<int> taken = 0;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        TestClient client = At(i % 2, world->bob.sign);
        Share(one, client);
        if (client.Send(raw).status == 201) ++taken;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(taken, 1);
  }
}

TEST_F(InstancesTest, ARemovedDeviceHasNoSessionAtAnyOfThem) {
  TestClient one = At(0, world->bob.sign);
  one.Hello();
  TestClient two = At(1, world->bob.sign);
  Share(one, two);
  EXPECT_TRUE(two.Grant(world->label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  one.sequence = two.sequence;
  using Kind = DeleteRequest::Kind;
  EXPECT_TRUE(StatusIn(one.Call(Request(DeleteRequest{"", Kind::kDevice, "", "bob@example.net",
                                                      world->bob.DeviceUdf()})))
                  .ok());
  const HttpAnswer answer = two.Send(two.Sign(LabelsBody()));
  EXPECT_EQ(two.StatusOfAnswer(answer).reason, "session");
}

TEST_F(InstancesTest, ARevocationAndAPolicyHoldAtOnceAtAllOfThem) {
  TestClient two = At(1, world->bob.sign);
  const auto reason = [&] {
    return two.Grant(world->label.Kid(), {NewEphemeral()}).grants.at(0).status.reason;
  };
  EXPECT_EQ(reason(), "");
  TestClient alice = At(0, world->alice.sign);
  world->label.profile.policy.quotas = {{QuotaPer::kMember, 2, 3600}};
  world->label.profile.version.version = 2;
  EXPECT_TRUE(alice.SetLabel(world->label, world->alice).ok());
  EXPECT_EQ(reason(), "");
  TestClient one = At(0, world->bob.sign);
  EXPECT_TRUE(one.Grant(world->label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  EXPECT_EQ(reason(), "quota");
  EXPECT_TRUE(
      StatusIn(alice.Call(Request(DeleteRequest{"", DeleteRequest::Kind::kUser, world->label.name(),
                                                "bob@example.net", ""})))
          .ok());
  EXPECT_EQ(reason(), "revoked");
}

// Its maker can sign for it twice: of two headers that come at the same time, one is granted.
TEST_F(InstancesTest, BindAnEphemeralToOneHeaderTogether) {
  TestClient alice = At(0, world->alice.sign);
  world->label.profile.policy.ephemerals = Ephemerals::kRequired;
  world->label.profile.version.version = 2;
  EXPECT_TRUE(alice.SetLabel(world->label, world->alice).ok());
  std::array clients = {At(0, world->bob.sign), At(1, world->bob.sign)};
  for (int round = 0; round < 10; ++round) {
    const BoundEphemeral ephemeral = MakeBoundEphemeral(Curve::kX25519).value();
    std::atomic<int> granted = 0;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < clients.size(); ++i) {
      GetRequest get;
      get.grants = {BoundGrant(world->label, Bytes(16, static_cast<uint8_t>(i)), ephemeral)};
      threads.emplace_back([&granted, &client = clients[i], get] {
        const Response response = client.Call(Request(get));
        const auto* got = std::get_if<GetResponse>(&response);
        if (got != nullptr && got->grants.at(0).status.ok()) ++granted;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(granted, 1);
  }
}

TEST_F(InstancesTest, WriteOneChainTogether) {
  std::atomic<int> granted = 0;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      TestClient client = At(i % 2, world->bob.sign);
      for (int round = 0; round < 20; ++round) {
        const GetResponse got = client.Grant(world->label.Kid(), {NewEphemeral(), NewEphemeral()});
        for (const GrantResult& grant : got.grants) {
          granted += grant.status.ok() ? 1 : 0;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(granted, 240);
  const auto head = Verify();
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_GE(head->sequence, 243u);
}

TEST_F(InstancesTest, AreUpgradedByWhicheverStartsFirst) {
  config.store = TestPostgres::Get().NewDatabase();
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<Server>> started(4);
  for (size_t i = 0; i < started.size(); ++i) {
    std::filesystem::copy(StateOf("one"), StateOf("new" + std::to_string(i)));
    threads.emplace_back([&, i] { started[i] = Start("new" + std::to_string(i)); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& one : started) EXPECT_TRUE(one);
}

TEST_F(InstancesTest, WithOtherKeysAreRefused) {
  std::filesystem::create_directory(StateOf("other"));
  const auto other = TryToStart("other");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kInvalid);
  EXPECT_NE(other.error().message.find("service.key"), std::string::npos);
}

TEST_F(InstancesTest, BesideAStoreInTheStateDirectoryAreRefused) {
  std::filesystem::copy(StateOf("one"), StateOf("both"));
  std::ofstream(StateOf("both") + "/recryptd.sqlite") << "";
  const auto both = TryToStart("both");
  ASSERT_FALSE(both);
  EXPECT_NE(both.error().message.find("recryptd.sqlite"), std::string::npos);
}

TEST_F(InstancesTest, OfAnOlderKeyThanTheStoresAreRefused) {
  const StorePlace place{StateOf("one"), config.store};
  servers.at(0).reset();
  const auto busy = RotateServiceKey(place, clock);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, ErrorCode::kBusy);
  servers.at(1).reset();
  const auto rotation = RotateServiceKey(place, clock);
  ASSERT_TRUE(rotation) << rotation.error().message;
  const auto stale = TryToStart("two");
  ASSERT_FALSE(stale);
  EXPECT_NE(stale.error().message.find("rotated"), std::string::npos);
  servers.at(0) = Start("one");
  TestClient bob = At(0, world->bob.sign);
  EXPECT_TRUE(bob.Grant(world->label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
}

TEST_F(InstancesTest, SayThatTheDatabaseIsAwayAndServeAgainWhenItIsBack) {
  TestClient bob = At(0, world->bob.sign);
  EXPECT_TRUE(bob.Grant(world->label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  TestClient::Raw ready;
  ready.method = "GET";
  ready.path = "/readyz";
  TestPostgres::Get().Stop();
  const HttpAnswer away = bob.Send(bob.Sign(LabelsBody()));
  EXPECT_EQ(away.status, 503);
  EXPECT_NE(away.retry_after, "");
  EXPECT_EQ(bob.Send(ready).status, 503);
  TestPostgres::Get().Start();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (bob.Send(ready).status != 200 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(bob.Send(ready).status, 200);
  bob.Hello();
  EXPECT_TRUE(bob.Grant(world->label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  EXPECT_TRUE(Verify());
}

class SharedSessionsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!TestPostgres::IsInstalled()) GTEST_SKIP() << "PostgreSQL is not installed";
    pool = std::make_shared<SqlPool>([uri = TestPostgres::Get().NewDatabase()] {
      return ConnectPostgres(uri, AuditSync::kOs, PostgresUse::kShort);
    });
    sessions = Open();
  }
  std::unique_ptr<Sessions> Open() { return SharedSessions::Open(pool, keys).value(); }
  std::shared_ptr<const Session> Add(uint8_t number, int64_t expires = 1000) {
    Session session{Bytes(16, number), "MDEV", {Secret::Random(32), Secret::Random(32)}, expires};
    auto added = std::make_shared<const Session>(std::move(session));
    EXPECT_TRUE(sessions->Add(added, 0));
    return added;
  }

  TestFolder folder;
  ServiceKeys keys = LoadOrCreateServiceKeys(folder.path(), "example.com", SystemClock()).value();
  std::shared_ptr<SqlPool> pool;
  std::unique_ptr<Sessions> sessions;
};

TEST_F(SharedSessionsTest, AreReadByAnotherProcessOfTheService) {
  const auto added = Add(1);
  const auto found = Open()->Find(Bytes(16, 1), 0).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->device, "MDEV");
  EXPECT_TRUE(found->keys.request.Equals(added->keys.request));
  EXPECT_TRUE(found->keys.response.Equals(added->keys.response));
  EXPECT_FALSE(Open()->Find(Bytes(16, 1), 1000).value()) << "it has ended";
}

TEST_F(SharedSessionsTest, WhoseRowWasChangedAreNone) {
  Add(1);
  for (const char* change : {"device = 'MEVE'", "expires = 5000", "sealed = 'x'"}) {
    ASSERT_TRUE(pool->With([&](SqlConnection& connection) {
      return connection.RunScript(std::string("UPDATE sessions SET ") + change);
    }));
    EXPECT_FALSE(Open()->Find(Bytes(16, 1), 0).value()) << change;
  }
}

TEST_F(SharedSessionsTest, OfADeviceAreBoundedAndThoseThatEndedGo) {
  for (uint8_t i = 0; i < 70; ++i) Add(i, 1000 + i);
  EXPECT_EQ(sessions->Count().value(), 64u);
  EXPECT_FALSE(Open()->Find(Bytes(16, 5), 0).value());
  EXPECT_TRUE(Open()->Find(Bytes(16, 6), 0).value());
}

TEST_F(SharedSessionsTest, TakeEachNumberAsTheWindowInMemoryDoes) {
  const auto session = Add(1);
  ReplayWindow window;
  std::mt19937 random(7);
  uint64_t highest = 1;
  for (int i = 0; i < 2000; ++i) {
    highest += random() % 40 == 0 ? random() % 1500 : random() % 3;
    const uint64_t sequence = highest - std::min<uint64_t>(highest, random() % 1100);
    const bool first = sessions->Take(*session, sequence, 0).value() == Taken::kFirst;
    ASSERT_EQ(first, window.Take(sequence)) << sequence << " of " << highest;
  }
  EXPECT_EQ(sessions->Take(*session, ~uint64_t{0}, 0).value(), Taken::kAgain);
  EXPECT_EQ(sessions->Take(*session, highest + 1, 1000).value(), Taken::kEnded);
}

TEST(PostgresUri, HasNoPasswordAndNamesADatabase) {
  EXPECT_TRUE(CheckPostgresUri("postgresql://recryptd@db.example.com/recryptd?sslmode=require"));
  EXPECT_TRUE(CheckPostgresUri("postgresql:///recryptd?host=/run/postgresql"));
  for (const char* uri : {"", "recryptd.sqlite", "host=db", "postgresql://",
                          "postgresql://db.example.com/", "postgresql://a@db/x?colour=red",
                          "postgresql://a:secret@db/x", "postgresql://a@db/x?password=secret",
                          "postgresql://a:secret@[::1]x/db", "postgresql://a:secret%zz@db/x"}) {
    const Status checked = CheckPostgresUri(uri);
    ASSERT_FALSE(checked) << uri;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalid) << uri;
    EXPECT_EQ(checked.error().message.find("secret"), std::string::npos) << uri;
  }
}

}  // namespace
}  // namespace recrypt
