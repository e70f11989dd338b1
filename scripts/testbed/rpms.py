"""Builds RPMs from a spec and a tree of files, with everything of rpmbuild in one scratch folder."""

from pathlib import Path

from testbed.commands import run

MADE_AT = "1749513600"  # 2025-06-10, for each build the same


def build(spec: str, topdir: Path) -> list[Path]:
    """The tree is at ``topdir/SOURCES/tree``; its RPMs come out below ``topdir/RPMS``."""
    (topdir / "SPECS").mkdir(parents=True)
    recipe = topdir / "SPECS/recipe.spec"
    recipe.write_text(spec)
    run(
        "rpmbuild",
        "-bb", "--quiet", "--target", "x86_64",
        "--define", f"_topdir {topdir}",
        "--define", "use_source_date_epoch_as_buildtime 1",
        "--define", "clamp_mtime_to_source_date_epoch 1",
        "--define", "_buildhost testbed",
        str(recipe),
        env={"SOURCE_DATE_EPOCH": MADE_AT},
    )  # fmt: skip
    return sorted(topdir.glob("RPMS/*/*.rpm"))
