#include "postgres.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "service/postgres_connection.h"

namespace recrypt {
namespace {

Result<std::unique_ptr<SqlConnection>> Connect(const std::string& uri) {
  return ConnectPostgres(uri, AuditSync::kOs, PostgresUse::kShort);
}

}  // namespace

bool TestPostgres::IsInstalled() { return std::filesystem::exists("/usr/lib/postgresql"); }

bool TestPostgres::IsTheStore() {
  const char* wanted = getenv("RECRYPT_TEST_STORE");
  return wanted != nullptr && std::string(wanted) == "postgresql";
}

TestPostgres& TestPostgres::Get() {
  static TestPostgres server;
  return server;
}

TestPostgres::TestPostgres() {
  std::string name = "/tmp/recryptd-pg-XXXXXX";
  folder_ = mkdtemp(name.data());
  Start();
}

TestPostgres::~TestPostgres() {
  End(SIGQUIT);  // without bringing to the disk what is removed at once
  std::filesystem::remove_all(folder_);
}

std::string TestPostgres::UriOf(const std::string& database) const {
  return "postgresql:///" + database + "?host=" + folder_ + "&user=postgres";
}

void TestPostgres::Start() {
  pid_ = fork();
  if (pid_ == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execl(RECRYPT_SOURCE_DIR "/tests/postgres_server", "postgres_server", folder_.c_str(),
          static_cast<char*>(nullptr));
    _exit(127);
  }
  for (int i = 0; i < 600 && !Connect(UriOf("postgres")); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  if (Connect(UriOf("postgres"))) return;
  for (const char* log : {"/initdb.log", "/log"}) std::cerr << std::ifstream(folder_ + log).rdbuf();
  std::abort();
}

void TestPostgres::Stop() { End(SIGINT); }

void TestPostgres::End(int how) {
  if (pid_ <= 0) return;
  kill(pid_, how);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string TestPostgres::NewDatabase() {
  const std::string name = "test" + std::to_string(++databases_);
  const Status made = Connect(UriOf("postgres")).value()->RunScript("CREATE DATABASE " + name);
  if (made) return UriOf(name);
  std::cerr << made.error().message << "\n";
  std::abort();
}

std::string NewTestStore() {
  return TestPostgres::IsTheStore() ? TestPostgres::Get().NewDatabase() : std::string();
}

}  // namespace recrypt
