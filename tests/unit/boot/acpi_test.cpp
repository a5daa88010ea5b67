// SPDX-License-Identifier: Apache-2.0

#include "boot/acpi.h"

#include <cstdlib>
#include <map>
#include <numeric>
#include <string>

#include "boot/kernel_fixture.h"
#include "boot/layout.h"

namespace faasnap::boot {
namespace {

using Table = std::span<const std::byte>;

template <typename Integer>
Integer field(Table table, std::size_t offset) {
  Integer value = 0;
  REQUIRE(offset + sizeof(value) <= table.size());
  std::memcpy(&value, table.data() + offset, sizeof(value));
  return value;
}

std::string text(Table table, std::size_t offset, std::size_t length) {
  REQUIRE(offset + length <= table.size());
  return {reinterpret_cast<const char*>(table.data()) + offset, length};
}

std::uint8_t sum(Table bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), std::uint8_t{0},
                         [](std::uint8_t total, std::byte value) {
                           return static_cast<std::uint8_t>(total + static_cast<int>(value));
                         });
}

AcpiConfig two_devices() {
  AcpiConfig config;
  config.vcpus = 2;
  config.virtio.push_back({memory::GuestAddress{0xd0000000}, kVirtioMmioSize, 5});
  config.virtio.push_back({memory::GuestAddress{0xd0001000}, kVirtioMmioSize, 6});
  return config;
}

// Guest memory with the tables, found as a guest finds them.
class Tables {
 public:
  explicit Tables(const AcpiConfig& config) {
    const memory::GuestAddress rsdp = write_acpi_tables(memory, config);
    root = *memory.view(rsdp, 36);
    const Table xsdt = table_at(field<std::uint64_t>(root, 24));
    REQUIRE(text(xsdt, 0, 4) == "XSDT");
    for (std::size_t at = 36; at < xsdt.size(); at += 8) {
      add(table_at(field<std::uint64_t>(xsdt, at)));
    }
    add(table_at(field<std::uint64_t>(named["FACP"], 140)));
  }

  memory::GuestMemory memory{memory::kMinimumSize};
  Table root;
  std::map<std::string, Table> named;

 private:
  Table table_at(std::uint64_t address) {
    const auto header = memory.view(memory::GuestAddress{address}, 36);
    REQUIRE(header);
    const auto table = memory.view(memory::GuestAddress{address}, field<std::uint32_t>(*header, 4));
    REQUIRE(table);
    CHECK(address >= kAcpiStart.value);
    CHECK(address + table->size() <= kVmGenId.value);
    CHECK(sum(*table) == 0);
    return *table;
  }
  void add(Table table) { named[text(table, 0, 4)] = table; }
};

TEST_CASE("the RSDP has both checksums and lies where firmware puts it") {
  const Tables tables(two_devices());
  CHECK(text(tables.root, 0, 8) == "RSD PTR ");
  CHECK(field<std::uint8_t>(tables.root, 15) == 2);
  CHECK(sum(tables.root.first(20)) == 0);
  CHECK(sum(tables.root) == 0);
}

TEST_CASE("the FADT describes reduced hardware with reset and sleep registers") {
  const Tables tables(two_devices());
  const Table fadt = tables.named.at("FACP");
  CHECK(fadt.size() == 276);
  CHECK(field<std::uint8_t>(fadt, 8) == 6);
  const auto flags = field<std::uint32_t>(fadt, 112);
  CHECK((flags & (1u << 20)) != 0);
  CHECK((flags & (1u << 10)) != 0);
  const auto check_port = [&](std::size_t offset, std::uint16_t port) {
    CHECK(field<std::uint8_t>(fadt, offset) == 1);      // I/O space
    CHECK(field<std::uint8_t>(fadt, offset + 1) == 8);  // bits
    CHECK(field<std::uint64_t>(fadt, offset + 4) == port);
  };
  check_port(116, kResetPort);
  check_port(244, kSleepControlPort);
  check_port(256, kSleepStatusPort);
  CHECK(field<std::uint8_t>(fadt, 128) == kResetValue);
}

TEST_CASE("the MADT names each vCPU and the IOAPIC") {
  AcpiConfig config = two_devices();
  config.vcpus = 3;
  const Tables tables(config);
  const Table madt = tables.named.at("APIC");
  CHECK(field<std::uint32_t>(madt, 36) == 0xfee00000);
  std::size_t at = 44;
  for (std::uint8_t id = 0; id < 3; ++id, at += 8) {
    CHECK(field<std::uint8_t>(madt, at) == 0);
    CHECK(field<std::uint8_t>(madt, at + 3) == id);
    CHECK(field<std::uint32_t>(madt, at + 4) == 1);
  }
  CHECK(field<std::uint8_t>(madt, at) == 1);
  CHECK(field<std::uint32_t>(madt, at + 4) == 0xfec00000);
  CHECK(at + 12 == madt.size());
}

TEST_CASE("the DSDT declares every device") {
  const Tables tables(two_devices());
  const Table dsdt = tables.named.at("DSDT");
  const std::string aml = text(dsdt, 36, dsdt.size() - 36);
  std::size_t virtio = 0;
  for (std::size_t at = aml.find("LNRO0005"); at != std::string::npos;
       at = aml.find("LNRO0005", at + 1)) {
    ++virtio;
  }
  CHECK(virtio == 2);
  for (const char* id : {"PNP0501", "VM_Gen_Counter", "VMGENCTR", "ACPI0013", "_S5_", "_EVT"}) {
    INFO(id);
    CHECK(aml.find(id) != std::string::npos);
  }
}

TEST_CASE("more devices than fit are refused") {
  AcpiConfig config;
  config.virtio.resize(5000);
  memory::GuestMemory memory(memory::kMinimumSize);
  CHECK_THROWS_AS(write_acpi_tables(memory, config), Error);
}

TEST_CASE("power-off is SLP_EN with the type of S5, and nothing else") {
  CHECK(is_power_off(0x20 | kSleepTypeS5 << 2));
  CHECK_FALSE(is_power_off(kSleepTypeS5 << 2));
  CHECK_FALSE(is_power_off(0x20));
}

TEST_CASE("the ACPI compiler can disassemble the DSDT and compile it again") {
  if (std::system("command -v iasl >/dev/null 2>&1") != 0) {
    SKIP("no iasl; it is in the package acpica-tools");
  }
  const Tables tables(two_devices());
  const Table dsdt = tables.named.at("DSDT");
  const test::TemporaryDirectory directory;
  const auto path = directory.write("dsdt.aml", {dsdt.begin(), dsdt.end()});
  const std::string source = path.parent_path() / "dsdt.dsl";
  CHECK(std::system(("iasl -d " + path.string() + " >/dev/null 2>&1").c_str()) == 0);
  CHECK(std::system(("iasl -p " + source + " -f " + source + " >/dev/null 2>&1").c_str()) == 0);
}

}  // namespace
}  // namespace faasnap::boot
