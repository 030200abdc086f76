// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {GroupKeys} from "../../contracts/GroupKeys.sol";
import {IGroupKeys} from "../../contracts/interfaces/IGroupKeys.sol";
import {BLS12381} from "../../contracts/libraries/BLS12381.sol";
import {CHEATS} from "./Cheats.sol";
import {MeshStub} from "./MeshStub.sol";

/// @notice An anchor whose committees are on probation for two heads, and the revocation list that counts these.
contract ProbationStub is MeshStub {
    uint64 public headNumber;

    uint64 public immutable start = uint64(block.timestamp);

    constructor() {
        _parameters.probationHeads = 2;
        _parameters.probationSeconds = 1 hours;
        _parameters.tickSeconds = 30;
        _parameters.headSeconds = 10 minutes;
    }

    function revocations() external view returns (address) {
        return address(this);
    }

    /// @dev The newest one that anybody can have made.
    function postHead() external {
        headNumber = uint64(block.timestamp - start) / _parameters.tickSeconds;
    }
}

/// @notice Handovers, re-keys, heads and reversions at random, as the ceremony and anybody may cause them; and, beside the contract,
/// whose shares are still on disks: the committee's in office, and that before only while the probation lasts.
contract OfficeHandler {
    ProbationStub public immutable stub = new ProbationStub();
    GroupKeys public immutable groupKeys;
    /// @notice Verification roots of the committees that hold shares.
    bytes32 public serving;
    bytes32 public kept;
    uint64 public changes;
    uint64 public generation;

    constructor() {
        groupKeys = new GroupKeys(stub.asAnchor());
        _install(4, true);
    }

    function handOver(uint8 seats) external {
        // As {Rotation} has it: a committee on probation hands nothing over.
        if (groupKeys.inProbation()) return;
        bytes32 before = serving;
        _install(seats, false);
        kept = before;
        // Made by the committee before, and posted now.
        stub.postHead();
        assert(groupKeys.inProbation());
    }

    function rekey(uint8 seats) external {
        _install(seats, true);
        kept = 0;
    }

    function head(uint16 later) external {
        CHEATS.warp(block.timestamp + later);
        stub.postHead();
        if (!groupKeys.inProbation()) kept = 0;
    }

    function giveBack(uint16 later) external {
        CHEATS.warp(block.timestamp + later);
        try groupKeys.revertOffice() {
            // Shares that were erased come back from nowhere.
            assert(kept != 0);
            (serving, kept) = (kept, 0);
            changes++;
        } catch {}
    }

    /// @notice What the ceremony must not be able to do: other keys in one generation, an epoch left out, a way back.
    function misplace(uint8 what) external {
        IGroupKeys.Office memory office = groupKeys.office();
        office.epoch += what % 3 == 0 ? 2 : 1;
        if (what % 3 == 1) office.edKey = ~office.edKey;
        if (what % 3 == 2) office.generation += 2;
        try groupKeys.setOffice(office) {
            assert(false);
        } catch {}
    }

    function _install(uint8 seats, bool isNew) private {
        if (isNew) generation++;
        serving = keccak256(abi.encode(++changes));
        address[] memory committee = new address[](4 + (seats % 29));
        for (uint256 i = 0; i < committee.length; i++) committee[i] = address(uint160(i + 1));
        groupKeys.setOffice(
            IGroupKeys.Office({
                generation: generation,
                epoch: changes,
                ceremony: changes,
                blsKey: BLS12381.generator(),
                edKey: keccak256(abi.encode("key", generation)),
                verificationRoot: serving,
                committee: committee
            })
        );
    }
}

/// @notice There is one committee in office at any time, it has its shares, and keys and epochs only go forward.
contract OfficeInvariantTest {
    OfficeHandler private _handler;

    function setUp() public {
        _handler = new OfficeHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function invariant_theCommitteeInOfficeCanSign() public view {
        IGroupKeys.Office memory office = _handler.groupKeys().office();
        assert(office.verificationRoot == _handler.serving());
        assert(office.committee.length >= 4 && office.committee.length <= 32);
        for (uint256 i = 0; i < office.committee.length; i++) {
            assert(_handler.groupKeys().memberAt(i + 1) == office.committee[i]);
        }
        assert(_handler.groupKeys().memberAt(office.committee.length + 1) == address(0));
    }

    function invariant_epochsAndKeysGoForward() public view {
        IGroupKeys.Office memory office = _handler.groupKeys().office();
        assert(office.epoch == _handler.changes());
        assert(office.generation == _handler.generation());
        assert(office.edKey == keccak256(abi.encode("key", office.generation)));
    }

    function invariant_sharesBeforeAreKeptForAProbationAlone() public view {
        assert(_handler.groupKeys().inProbation() == (_handler.kept() != 0));
    }
}
