"""The pages of the Dagster UI, as a person uses them: what can be read, clicked and typed there."""

from collections.abc import Sequence
from dataclasses import dataclass

from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

from etsy_assets_tests.browser.waiting import eventually

PAGE_SECONDS = 60
DIALOG = "//*[@role='dialog' and contains(@class, 'dialog')]"


@dataclass(frozen=True)
class DagsterPages:
    """A browser on one Dagster webserver. location: the name of the code location."""

    browser: WebDriver
    url: str
    location: str

    def open(self, path: str) -> None:
        self.browser.get(f"{self.url}{path}")

    def find(self, xpath: str, what: str, seconds: float = PAGE_SECONDS) -> WebElement:
        """The first element that is shown, waited for."""

        def shown() -> WebElement | None:
            return next((found for found in self.browser.find_elements(By.XPATH, xpath) if found.is_displayed()), None)

        return eventually(shown, f"{what} on {self.browser.current_url}", seconds)

    def click(self, xpath: str, what: str) -> None:
        """Waits until it can be clicked: it is there, enabled and under nothing else."""

        def clicked() -> bool:
            found = self.find(xpath, what, seconds=0)
            if found.is_enabled():
                found.click()
                return True
            return False

        eventually(clicked, f"{what}, to be clicked, on {self.browser.current_url}", PAGE_SECONDS)

    def click_button(self, label: str, within: str = "") -> None:
        self.click(f"{within}//button[contains(normalize-space(), '{label}')]", f'button "{label}"')

    def asset_graph(self, groups: Sequence[str]) -> set[str]:
        """Opens the global lineage with these groups unfolded; returns the names that stand in the graph."""
        self.open("/asset-groups?expanded=" + ",".join(f"global@global:{group}" for group in groups))
        self.find("//*[text()='search_snapshot']", "the graph's last asset")
        nodes = self.browser.find_elements(By.CSS_SELECTOR, "svg foreignObject")
        return {line.strip() for node in nodes for line in node.text.splitlines()}

    def asset_graph_alone(self, groups: Sequence[str]) -> None:
        """The same without navigation and list, fitted into the page, when every asset's status is there."""
        self.open("/asset-groups")
        self.click("//*[text()='Hide navigation']", "the entry that hides the navigation")
        self.asset_graph(groups)
        self.click(
            "//button[contains(@class, 'Button_filled')][.//*[@aria-label='panel_show_right']]", "the list's button"
        )
        graph = self.browser.find_element(By.CSS_SELECTOR, "[data-svg-viewport]")
        across, down = graph.size["width"] // 2 - 20, graph.size["height"] // 2 - 20
        # A double click on empty ground fits the graph into its room.
        ActionChains(self.browser).move_to_element_with_offset(graph, -across, down).double_click().perform()
        waiting = "[class*=minimalAssetNodeBox][style*='--minimal-bg: var(--color-background-light)']"
        eventually(
            lambda: not self.browser.find_elements(By.CSS_SELECTOR, waiting), "all assets' statuses", PAGE_SECONDS
        )

    def materialize_new_partition(self, job: str, key: str) -> None:
        """Creates a partition in the job's dialog and launches its run."""
        self.open_materialize_dialog(job)
        self.click("//*[text()='Select a partition or create one']", "the partition selector")
        self.click("//*[normalize-space(text())='Add partition']", "the entry that adds a partition")
        self.find(f"{DIALOG}//input[@placeholder='name']", "the field for the partition's name").send_keys(key)
        self.click_button("Save", within=DIALOG)
        self.find(f"{DIALOG}//*[text()='1 partition']", "the new partition, selected")
        self.click_button("Launch", within=DIALOG)

    def backfill_missing(self, job: str, expected: int) -> None:
        """Selects what is missing in the job's dialog and launches the backfill."""
        self.open_materialize_dialog(job)
        self.click_button("Missing", within=DIALOG)
        self.find(f"{DIALOG}//*[text()='{expected} partitions']", f"{expected} partitions, selected")
        self.click_button("Launch", within=DIALOG)

    def open_materialize_dialog(self, job: str) -> None:
        self.open(f"/locations/{self.location}/jobs/{job}")
        self.click_button("Materialize all")
        self.find(f"{DIALOG}//*[text()='Partition selection']", "the dialog to materialize")

    def launch_with_empty_config(self, job: str) -> str:
        """Empties the launchpad's editor, launches, and returns the id of the run whose page opens."""
        self.open(f"/locations/{self.location}/jobs/{job}/playground")
        self.find("//*[contains(@class, 'CodeMirror-line')]", "the launchpad's editor")
        self.click("//*[contains(@class, 'CodeMirror-lines')]", "the launchpad's editor")
        editor = self.browser.switch_to.active_element
        editor.send_keys(Keys.CONTROL, "a")
        editor.send_keys(Keys.DELETE)
        self.find("//*[text()='No errors']", "a config without errors")
        self.click_button("Launch Run")
        return self.run_of_this_page()

    def run_of_this_page(self) -> str:
        def opened() -> str | None:
            before, _, run_id = self.browser.current_url.partition("/runs/")
            return run_id.partition("?")[0] if before == self.url and run_id else None

        return eventually(opened, "the page of the run", PAGE_SECONDS)

    def pictures_of_markdown(self) -> list[WebElement]:
        """Opens the [Show Markdown] dialog of this page; returns its pictures."""
        self.click("//*[text()='[Show Markdown]']", "the link to the markdown")
        self.find(f"{DIALOG}//table", "the table of the markdown")
        return self.browser.find_elements(By.XPATH, f"{DIALOG}//img")
